// The storefront's page script: what the visitor does goes out as Segment calls, as it would from any shop.
"use strict";

const known = JSON.parse(document.getElementById("known").textContent);
const find = (selector) => document.querySelector(selector);

const word = (bytes) => [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const KEEP = "qumyra-visitor";
const me = JSON.parse(localStorage.getItem(KEEP) || "null") || { anonymousId: word(16), userId: null, email: "", basket: {}, cart: null, started: null };
const keep = () => localStorage.setItem(KEEP, JSON.stringify(me));

function call(kind, body) {
  const now = new Date().toISOString();
  const whole = {
    ...body, writeKey: known.writeKey, messageId: word(16), anonymousId: me.anonymousId, userId: me.userId || undefined, timestamp: now, sentAt: now,
    context: { locale: known.locale, timezone: Intl.DateTimeFormat().resolvedOptions().timeZone, page: { path: location.pathname, url: location.href, title: document.title } },
  };
  // text/plain, as Segment's own beacons are sent, and kept alive when the page is left.
  return fetch(`/v1/${kind}`, { method: "POST", headers: { "content-type": "text/plain" }, body: JSON.stringify(whole), keepalive: true });
}
const track = (event, properties) => call("track", { event, properties });

const money = (amount) => `${amount.toLocaleString("fr").replace(/\s/g, "\u00a0")} ₸`;
const lines = () => Object.entries(me.basket).filter(([id]) => known.shelf[id]).map(([id, quantity]) => ({ ...known.shelf[id], quantity }));
const total = () => lines().reduce((sum, line) => sum + line.price * line.quantity, 0);
const contents = () => ({ cart_id: me.cart, value: total(), currency: "KZT", products: lines(), checkout_url: `${known.base}/shop/checkout/${me.cart}` });

function count() {
  const pieces = lines().reduce((sum, line) => sum + line.quantity, 0);
  find("#count").textContent = pieces || "";
}

function answer(form, text, link) {
  const place = form.querySelector(".answer");
  place.textContent = text;
  if (!link) return;
  const way = document.createElement("a");
  way.href = link;
  way.textContent = known.words.story;
  place.append(" ", way);
}

// Who leaves an address becomes a user of the shop: identify first, then consent by the back end, then the event.
async function join(form) {
  const data = new FormData(form);
  const topics = data.getAll("topics");
  const fresh = !me.userId || me.email !== data.get("email");
  if (fresh) me.userId = `visitor-${word(6)}`;
  me.email = data.get("email");
  keep();
  const traits = { email: me.email, locale: known.locale, timezone: Intl.DateTimeFormat().resolvedOptions().timeZone };
  if (data.get("first_name").trim()) traits.first_name = data.get("first_name").trim();
  await call("identify", { traits });
  const consent = await fetch("/shop/join", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ user_id: me.userId, topics }) });
  if (!consent.ok) throw new Error(String(consent.status));
  if (fresh) await track("Signed Up", { topics });
}

const story = () => `/people?find=${encodeURIComponent(me.email)}`;

function showBasket() {
  const holder = find("#basket");
  if (!holder) return;
  const there = lines();
  holder.querySelector(".empty").hidden = there.length > 0;
  const table = holder.querySelector("table");
  table.hidden = find("#checkout").hidden = there.length === 0;
  table.tBodies[0].replaceChildren(...there.map((line) => {
    const row = document.createElement("tr");
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = line.quantity > 1 ? `${line.name} × ${line.quantity}` : line.name;
    const price = document.createElement("td");
    price.textContent = money(line.price * line.quantity);
    row.append(name, price);
    return row;
  }));
  table.tFoot.querySelector("td").textContent = money(total());
}

find("#add")?.addEventListener("click", async () => {
  const thing = find(".thing");
  me.cart ||= `cart-${word(6)}`;
  me.basket[thing.dataset.product] = (me.basket[thing.dataset.product] || 0) + 1;
  keep();
  count();
  await track("Product Added", { cart_id: me.cart, ...known.shelf[thing.dataset.product] });
  const place = thing.querySelector(".answer");
  const way = document.createElement("a");
  way.href = "/shop/checkout";
  way.textContent = known.words.checkout;
  place.replaceChildren(way);
});

find("#join")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  try {
    await join(form);
    answer(form, known.words.joined, story());
  } catch {
    answer(form, known.words.failed);
  }
});

find("#checkout")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  try {
    await join(form);
    if (me.started !== me.cart) await track("Checkout Started", contents());
    me.started = me.cart;
    keep();
    find("#order").hidden = false;
    answer(form, known.words.hint, story());
  } catch {
    answer(form, known.words.failed);
  }
});

find("#order")?.addEventListener("click", async () => {
  const order = `Q-${word(3)}`;
  await track("Order Completed", { ...contents(), order_id: order, order_url: `${known.base}/shop/orders/${order}` });
  Object.assign(me, { basket: {}, cart: null, started: null });
  keep();
  count();
  showBasket();
  const done = document.createElement("p");
  done.className = "answer";
  done.textContent = `${known.words.thanks} `;
  const way = document.createElement("a");
  way.href = story();
  way.textContent = known.words.story;
  done.append(way);
  find("#basket").before(done);
});

keep();
count();
showBasket();
call("page", { name: document.title, properties: { path: location.pathname } });
const seen = find(".thing");
if (seen) track("Product Viewed", known.shelf[seen.dataset.product]);
