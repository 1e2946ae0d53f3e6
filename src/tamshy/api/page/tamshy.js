// Tamshy's page script: Segment's browser API, sign-up forms and pop-ups. Served as it stands; docs/how-to/page-script.md says how it is used.
(() => {
  "use strict";

  const VERSION = "1";
  const MOST_KEPT = 1000; // calls; beyond that the oldest go
  const MOST_AT_ONCE = 200; // calls in one request
  const KEEPALIVE = 60000; // bytes: browsers finish requests of a page that is gone up to 64 kB in all
  const FORGOTTEN = 28 * 864e5; // ms: the server knows repeated calls for 30 days
  const LONGEST_PAUSE = 30000; // ms between tries
  const ANSWER_WITHIN = 300; // ms after which nobody waits for an answer any more; the call is kept
  const WORD = /[\s,]+/;

  const script = document.currentScript;
  const globalName = script?.getAttribute("data-global-segment-analytics-key") || "analytics";
  const early = window[globalName];
  if (early?.tamshy) return; // the tag stands in the page twice
  const source = script?.getAttribute("data-host") || script?.src;
  if (!source) return console.error("tamshy.js: load it by its address, or say in `data-host` where calls go");
  const base = new URL(".", source.endsWith(".js") ? source : `${source.replace(/\/$/, "")}/`).href;

  // What is kept -----------------------------------------------------------------------------------------------------

  // Browsers may refuse storage (settings, sandboxed frames) or be full: then this page remembers for as long as it is open.
  const storage = (() => {
    try {
      localStorage.setItem("tamshy.try", "1");
      localStorage.removeItem("tamshy.try");
      return localStorage;
    } catch {
      return null;
    }
  })();
  const memory = new Map();

  function raw(key) {
    if (memory.has(key)) return memory.get(key);
    return storage ? storage.getItem(key) : null;
  }

  function read(key) {
    const text = raw(key);
    if (text == null) return null;
    try {
      return JSON.parse(text);
    } catch {
      return text; // older libraries kept bare text
    }
  }

  function write(key, value) {
    memory.delete(key);
    const text = JSON.stringify(value);
    try {
      if (value == null) storage?.removeItem(key);
      else if (storage) storage.setItem(key, text);
      else memory.set(key, text);
    } catch {
      memory.set(key, text);
    }
  }

  // Segment's own names, so that visitors stay who they are when a shop changes over, and back.
  const ANONYMOUS = "ajs_anonymous_id";
  const USER = "ajs_user_id";
  const TRAITS = "ajs_user_traits";
  const GROUP = "ajs_group_id";
  const GROUP_TRAITS = "ajs_group_properties";

  function newId() {
    if (crypto.randomUUID) return crypto.randomUUID(); // pages over plain http have none
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    return [...bytes].map((byte, at) => ([4, 6, 8, 10].includes(at) ? "-" : "") + byte.toString(16).padStart(2, "0")).join("");
  }

  function fromCookie(name) {
    try {
      const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
      return found ? decodeURIComponent(found.slice(name.length + 1)).replace(/^"|"$/g, "") || null : null;
    } catch {
      return null;
    }
  }

  function anonymousId(wanted) {
    if (wanted !== undefined) write(ANONYMOUS, wanted === null ? newId() : String(wanted));
    let found = read(ANONYMOUS);
    if (found == null) write(ANONYMOUS, (found = fromCookie(ANONYMOUS) || newId()));
    return String(found);
  }

  function userId(wanted) {
    if (wanted !== undefined) {
      const before = read(USER);
      // Another user at this device is another person.
      if (before != null && wanted !== null && String(before) !== String(wanted)) {
        anonymousId(null);
        write(TRAITS, null);
      }
      write(USER, wanted === null ? null : String(wanted));
    }
    const found = read(USER);
    return found == null ? null : String(found);
  }

  const traitsIn = (key) => (wanted) => {
    if (wanted !== undefined) write(key, wanted);
    const found = read(key);
    return found && typeof found === "object" ? found : {};
  };
  const user = { id: userId, anonymousId, traits: traitsIn(TRAITS) };
  const group = { id: (wanted) => (wanted !== undefined && write(GROUP, wanted), read(GROUP)), traits: traitsIn(GROUP_TRAITS) };

  // What is sent -----------------------------------------------------------------------------------------------------

  let key = "";
  let logging = false;
  let underWay = null; // what the request under way holds
  let failures = 0;
  let notBefore = 0;
  let most = MOST_AT_ONCE;
  const waiting = new Map(); // id → {id, at, to, body, adopted, tell}
  const place = () => `tamshy.kept.${key}.`;
  const bytes = (text) => new Blob([text]).size;

  // Each under a name of its own: two tabs never write over each other's, and who sends one twice changes nothing.
  function keep(item) {
    waiting.set(item.id, item);
    if (key) store(item);
    while (waiting.size > MOST_KEPT) {
      const oldest = waiting.values().next().value;
      console.warn(`tamshy.js: more than ${MOST_KEPT} calls are waiting for the server; the oldest is dropped`);
      forget(oldest);
      oldest.tell({ dropped: true });
    }
  }

  function store({ id, at, to, body }) {
    try {
      storage?.setItem(place() + id, JSON.stringify({ at, to, body }));
    } catch {
      // full: it goes out from memory
    }
  }

  function forget(item) {
    waiting.delete(item.id);
    try {
      storage?.removeItem(place() + item.id);
    } catch {
      // refused meanwhile: nothing is there to be removed
    }
  }

  // Takes in what pages left that are gone. What another tab has just written it is sending itself.
  function adopt(olderThan) {
    if (!storage || !key) return;
    const found = [];
    for (let n = 0; n < storage.length; n++) {
      const name = storage.key(n);
      if (!name?.startsWith(place())) continue;
      const id = name.slice(place().length);
      const kept = read(name);
      if (!kept?.body || Date.now() - kept.at > FORGOTTEN) found.push({ name });
      else if (!waiting.has(id) && Date.now() - kept.at >= olderThan) found.push({ id, ...kept, adopted: true, tell() {} });
    }
    for (const { name } of found.filter((item) => item.name)) storage.removeItem(name);
    const left = found.filter((item) => item.id).sort((one, other) => one.at - other.at);
    if (left.length) {
      // What is older goes first.
      const own = [...waiting.values()];
      waiting.clear();
      for (const item of [...left, ...own]) waiting.set(item.id, item);
    }
    send();
  }

  const written = (items) =>
    items[0].to === "v1/batch"
      ? JSON.stringify({ batch: items.map((item) => item.body), writeKey: key, sentAt: new Date().toISOString() })
      : JSON.stringify({ ...items[0].body, writeKey: key, sentAt: new Date().toISOString() });

  function next(closing) {
    const items = [];
    let size = 200;
    for (const item of waiting.values()) {
      if (underWay?.includes(item) || (closing && item.beaconed)) continue;
      if (item.adopted && storage && storage.getItem(place() + item.id) === null) {
        waiting.delete(item.id); // another tab has brought it home
        continue;
      }
      if (items.length && item.to !== items[0].to) continue;
      const more = bytes(JSON.stringify(item.body)) + 1;
      if (items.length && (size + more > KEEPALIVE || items.length >= most)) break;
      if (closing && size + more > KEEPALIVE) continue;
      size += more;
      items.push(item);
      if (item.to !== "v1/batch") break;
    }
    return items;
  }

  let timer = 0;
  function later(pause) {
    clearTimeout(timer);
    timer = setTimeout(send, pause);
  }

  async function send() {
    if (underWay || !key) return;
    const pause = notBefore - Date.now();
    if (pause > 0) return later(pause);
    const items = next(false);
    if (!items.length) return;
    underWay = items;
    const body = written(items);
    let pauseAsked = 0;
    let done = false;
    try {
      const answer = await fetch(base + items[0].to, {
        method: "POST",
        body, // as plain text, which needs no question beforehand
        mode: "cors",
        credentials: "omit",
        keepalive: bytes(body) <= KEEPALIVE,
        signal: AbortSignal.timeout?.(60000),
      });
      pauseAsked = Math.min(Number(answer.headers.get("retry-after")) || 0, 300) * 1000;
      done = await settled(items, answer);
    } catch {
      // no answer: the same again later
    }
    underWay = null;
    for (const item of items) item.tell({ kept: true });
    if (done) {
      failures = notBefore = 0;
      return send();
    }
    // Not all at the same moment when a server comes back.
    const own = Math.min(1000 * 2 ** failures++, LONGEST_PAUSE) * (0.5 + Math.random() / 2);
    notBefore = Date.now() + Math.max(own, pauseAsked);
    later(notBefore - Date.now());
  }

  // Says whether the server has decided about these calls.
  async function settled(items, answer) {
    const { status } = answer;
    if (status === 408 || status === 429 || status >= 500) return false;
    const said = await answer.json().catch(() => ({}));
    if (status === 413 && items.length > 1) {
      most = items.length >> 1;
      return true;
    }
    if (!answer.ok) console.error(`tamshy.js: the server refuses ${items.length} call(s) with ${status}: ${said.detail || "no reason given"}`);
    for (const { index, reason, text } of said.rejected || []) console.error(`tamshy.js: call ${index} is refused: ${reason}: ${text}`);
    for (const item of items) {
      forget(item);
      item.tell({ status, said });
    }
    return true;
  }

  // What has no request of its own yet goes as a beacon. It stays kept: nobody hears the answer, and the server knows what it has.
  let leaving = false;
  function leave() {
    leaving = true;
    for (;;) {
      const items = next(true);
      if (!items.length || !key || !navigator.sendBeacon?.(base + items[0].to, written(items))) return;
      for (const item of items) item.beaconed = true;
    }
  }

  function stay({ persisted }) {
    leaving = false;
    for (const item of waiting.values()) item.beaconed = false;
    if (persisted) adopt(0);
  }

  addEventListener("pagehide", leave);
  addEventListener("pageshow", stay);
  addEventListener("online", () => {
    notBefore = failures = 0;
    send();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden" && !leaving) send();
  });

  // What a call says --------------------------------------------------------------------------------------------------

  const listeners = {};
  const middlewares = [];
  const words = { campaign: "name" };

  function campaign(search) {
    const found = {};
    for (const [name, value] of new URLSearchParams(search)) {
      if (!name.startsWith("utm_") || !value) continue;
      const short = name.slice(4);
      found[words[short] || short] = value;
    }
    return found;
  }

  // `told`: how the page was when an early call was made, as Segment's snippet notes it.
  function pageNow(told) {
    const canonical = told ? told.c : document.querySelector("link[rel='canonical']")?.getAttribute("href");
    const search = told ? told.s : location.search;
    const here = (told ? told.u : location.href).split("#")[0];
    let url = here;
    let path = told ? told.p : location.pathname;
    if (canonical) {
      try {
        const whole = new URL(canonical, here);
        path = whole.pathname;
        url = whole.href.includes("?") ? whole.href : whole.href + search;
      } catch {
        // no address: the page's own
      }
    }
    return { path, referrer: told ? told.r : document.referrer, search, title: told ? told.t : document.title, url };
  }

  function contextNow(told) {
    const page = pageNow(told);
    const found = { page, userAgent: navigator.userAgent, locale: navigator.language, library: { name: "tamshy.js", version: VERSION } };
    try {
      found.timezone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    } catch {
      // a browser that does not know
    }
    const from = campaign(page.search);
    if (Object.keys(from).length) found.campaign = from;
    return found;
  }

  const isBag = (value) => value !== null && typeof value === "object";

  // Sorts what a method was given: texts, bags, the callback, and how the page was.
  function given(list) {
    const told = list.find((one) => one?.__t === "bpc");
    const rest = list.filter((one) => one !== told && typeof one !== "function");
    while (rest.length && rest[rest.length - 1] == null) rest.pop();
    const first = rest.findIndex(isBag);
    const at = first < 0 ? rest.length : first;
    return { told, texts: rest.slice(0, at), bags: rest.slice(at).map((one) => (isBag(one) ? one : {})), callback: list.find((one) => typeof one === "function") };
  }

  function call(type, fields, options = {}, told = undefined, callback = undefined) {
    const { integrations = {}, anonymousId: device = anonymousId(), userId: who = userId(), timestamp, context, ...beside } = options;
    let message = {
      type,
      ...fields,
      messageId: `tamshy-${Date.now()}-${newId()}`,
      timestamp: (timestamp ? new Date(timestamp) : new Date()).toISOString(),
      anonymousId: device,
      integrations,
      context: { ...contextNow(told), ...beside, ...context },
    };
    if (who != null && message.userId === undefined) message.userId = who;
    message = JSON.parse(JSON.stringify(message)); // what the page changes afterwards was not meant
    for (const middleware of middlewares) {
      let passed = null;
      middleware({ payload: { obj: message, type: () => type }, next: (payload) => (passed = payload?.obj || null), integrations });
      if (!passed) return Promise.resolve({ event: message, dropped: true });
      message = passed;
    }
    if (logging) console.log("tamshy.js:", type, message);
    return new Promise((resolve) => {
      let open = true;
      const tell = (outcome) => {
        if (!open) return;
        open = false;
        const whole = { event: message, ...outcome };
        callback?.(whole);
        resolve(whole);
      };
      keep({ id: message.messageId, at: Date.now(), to: "v1/batch", body: message, tell });
      setTimeout(() => tell({ kept: true }), ANSWER_WITHIN);
      queueMicrotask(leaving ? leave : send); // those of one breath go together
    });
  }

  function emit(name, ...what) {
    for (const listener of [...(listeners[name] || [])]) {
      try {
        listener(...what);
      } catch (problem) {
        console.error("tamshy.js: a listener of the page failed:", problem);
      }
    }
  }

  const api = {
    tamshy: VERSION,
    initialized: true,
    invoked: true,
    VERSION: `tamshy-${VERSION}`,
    initialize: () => api,

    load(writeKey) {
      if (!writeKey || key) return api;
      key = String(writeKey);
      for (const item of waiting.values()) store(item);
      // At once what is surely left over, a little later what a page that was just left may still be sending.
      adopt(2000);
      setTimeout(adopt, 2500, 2000);
      setTimeout(() => emit("ready"));
      return api;
    },

    track(...list) {
      const { told, texts, bags, callback } = given(list);
      const event = texts[0] ?? "";
      const [properties = {}, options] = bags;
      const sent = call("track", { event: String(event), properties }, options, told, callback);
      emit("track", event, properties, options);
      return sent;
    },

    page(...list) {
      const { told, texts, bags, callback } = given(list);
      const [category, name] = texts.length > 1 ? texts : [undefined, texts[0]];
      const [more = {}, options] = bags;
      const properties = { ...pageNow(told), ...(name ? { name } : {}), ...(category ? { category } : {}), ...more };
      const sent = call("page", { name, category, properties }, options, told, callback);
      emit("page", category, name, properties, options);
      return sent;
    },

    screen(...list) {
      const { told, texts, bags, callback } = given(list);
      const [category, name] = texts.length > 1 ? texts : [undefined, texts[0]];
      const [properties = {}, options] = bags;
      return call("screen", { name, category, properties }, options, told, callback);
    },

    identify(...list) {
      const { told, texts, bags, callback } = given(list);
      const [more = {}, options] = bags;
      if (texts[0] != null && texts[0] !== "") userId(texts[0]);
      const traits = user.traits({ ...user.traits(), ...more });
      const sent = call("identify", { traits }, options, told, callback);
      emit("identify", userId(), traits, options);
      return sent;
    },

    group(...list) {
      if (!list.length) return group;
      const { told, texts, bags, callback } = given(list);
      const [more = {}, options] = bags;
      if (texts[0] != null) write(GROUP, texts[0]);
      const traits = group.traits({ ...group.traits(), ...more });
      const sent = call("group", { groupId: String(read(GROUP) ?? ""), traits }, options, told, callback);
      emit("group", read(GROUP), traits, options);
      return sent;
    },

    alias(...list) {
      const { told, texts, bags, callback } = given(list);
      const [to, from = userId() || anonymousId()] = texts;
      const sent = call("alias", { userId: String(to), previousId: String(from) }, bags[0], told, callback);
      emit("alias", to, from, bags[0]);
      return sent;
    },

    reset() {
      for (const name of [USER, TRAITS, GROUP, GROUP_TRAITS]) write(name, null);
      anonymousId(null);
      emit("reset");
    },

    ready(callback) {
      if (typeof callback === "function") key ? setTimeout(callback) : api.once("ready", callback);
      return key ? Promise.resolve() : new Promise((resolve) => api.once("ready", resolve));
    },

    on: (name, listener) => ((listeners[name] ||= []).push(listener), api),
    off: (name, listener) => ((listeners[name] = (listeners[name] || []).filter((one) => one !== listener && one.of !== listener)), api),
    once(name, listener) {
      const one = (...what) => (api.off(name, one), listener(...what));
      one.of = listener;
      return api.on(name, one);
    },

    user: () => user,
    setAnonymousId: (id) => anonymousId(id ?? null),
    debug: (on = true) => ((logging = on !== false), api),
    addSourceMiddleware: (...all) => (middlewares.push(...all.flat()), Promise.resolve(api)),
    // There are no other destinations here for which anything could be changed.
    addDestinationMiddleware: () => Promise.resolve(api),
    addIntegrationMiddleware: () => Promise.resolve(api),
    register: () => Promise.resolve(api),

    // Nothing has to be held up: what is told while a page is left arrives.
    trackLink: (links, ...what) => heard(links, "click", what),
    trackForm: (forms, ...what) => heard(forms, "submit", what),
    push: ([method, ...list]) => api[method]?.(...list),
  };
  api.trackClick = api.trackLink;
  api.trackSubmit = api.trackForm;
  api.pageview = api.page;

  function heard(elements, kind, [event, properties]) {
    for (const element of elements instanceof Element ? [elements] : [...(elements || [])]) {
      const value = (one) => (typeof one === "function" ? one(element) : one);
      element.addEventListener(kind, () => api.track(value(event), value(properties) || {}));
    }
    return api;
  }

  // What visitors agree to ---------------------------------------------------------------------------------------------

  const SAYS = {
    en: {
      done: "Thank you! If we need to make sure that it was you, an e-mail is on its way.",
      confirm: "Almost done: we have sent you an e-mail. Please press the button in it.",
      kept: "Thank you! We could not reach the shop just now; it will be told as soon as that works.",
      address: "Please check the e-mail address.",
      often: "Too many tries from here. Please try again later.",
      failed: "That did not work. Please try again.",
      email: "Your e-mail address",
      close: "Close",
    },
    ru: {
      done: "Спасибо! Если нужно будет убедиться, что это вы, мы пришлём письмо.",
      confirm: "Почти готово: мы отправили вам письмо. Нажмите, пожалуйста, на кнопку в нём.",
      kept: "Спасибо! Сейчас магазин не отвечает; мы передадим ваш адрес, как только получится.",
      address: "Проверьте, пожалуйста, адрес почты.",
      often: "Слишком много попыток. Попробуйте, пожалуйста, позже.",
      failed: "Не получилось. Попробуйте, пожалуйста, ещё раз.",
      email: "Ваша электронная почта",
      close: "Закрыть",
    },
    kk: {
      done: "Рақмет! Бұл сіз екеніңізді анықтау керек болса, хат жібереміз.",
      confirm: "Сәл ғана қалды: сізге хат жібердік. Ондағы түймені басыңыз.",
      kept: "Рақмет! Дүкен қазір жауап бермей тұр; байланыс орнаған бойда жеткіземіз.",
      address: "Пошта мекенжайын тексеріңіз.",
      often: "Әрекет тым көп болды. Кейінірек қайталап көріңіз.",
      failed: "Болмады. Қайталап көріңіз.",
      email: "Электрондық поштаңыз",
      close: "Жабу",
    },
    id: {
      done: "Terima kasih! Jika kami perlu memastikan bahwa itu Anda, email akan segera tiba.",
      confirm: "Hampir selesai: kami sudah mengirim email. Silakan tekan tombol di dalamnya.",
      kept: "Terima kasih! Toko belum bisa dihubungi; kami akan menyampaikannya begitu tersambung.",
      address: "Silakan periksa alamat email.",
      often: "Terlalu banyak percobaan. Silakan coba lagi nanti.",
      failed: "Belum berhasil. Silakan coba lagi.",
      email: "Alamat email Anda",
      close: "Tutup",
    },
  };
  const language = () => document.documentElement.lang || navigator.language || "en";
  const spoken = (texts) => texts[language()] ?? texts[language().split("-")[0]] ?? texts.en ?? Object.values(texts)[0];
  const inWords = (text) => (isBag(text) ? spoken(text) : text);
  const tidy = (text, most) => (text || "").replace(/\s+/g, " ").trim().slice(0, most);

  // Asks for topics; resolves with what the server said, or that the wish is kept until it answers.
  function signUp({ email, topics, wording, form, traits }) {
    const context = { ...contextNow(), locale: language() };
    const id = `tamshy-${Date.now()}-${newId()}`;
    const body = { messageId: id, timestamp: new Date().toISOString(), anonymousId: anonymousId(), email, topics, wording, form, traits, context };
    return new Promise((resolve) => {
      keep({ id, at: Date.now(), to: "forms/sign-up", body, tell: resolve });
      leaving ? leave() : send();
    });
  }

  function answerTo({ status, said, kept }) {
    if (kept) return ["kept", true];
    if (status === 200) return [said.confirm ? "confirm" : "done", true];
    if (said.reason === "bad_address") return ["address", false];
    return [said.reason === "too_often" ? "often" : "failed", false];
  }

  function show(form, text, good) {
    let line = form.querySelector("[data-tamshy-answer]");
    if (!line) {
      line = document.createElement("p");
      line.setAttribute("data-tamshy-answer", "");
      form.append(line);
    }
    line.setAttribute("role", good ? "status" : "alert");
    line.textContent = text;
  }

  const labelOf = (box) => [...(box.labels || [])].map((label) => label.textContent).join(" ");

  // What the visitor read when agreeing: named by the page, else beside the ticked boxes, else all that the form says.
  function wordingOf(form, boxes) {
    const named = form.querySelector("[data-tamshy-wording]");
    return tidy(form.dataset.tamshyWording || named?.textContent || boxes.map(labelOf).join(" ") || form.textContent, 1000);
  }

  async function submitted(form, mine) {
    // A box that the page itself has ticked says nothing about what the visitor wants.
    const boxes = [...form.querySelectorAll("[data-tamshy-topic]")].filter((box) => box.checked && !box.defaultChecked);
    const topics = new Set([...(form.dataset.tamshyTopics || "").split(WORD), ...boxes.flatMap((box) => box.dataset.tamshyTopic.split(WORD))].filter(Boolean));
    const email = form.querySelector("input[type=email], input[name=email]")?.value.trim();
    if (!topics.size || !email) return;
    const traits = {};
    for (const field of form.querySelectorAll("[data-tamshy-trait]")) {
      if (field.value) traits[field.dataset.tamshyTrait] = field.value;
    }
    form.setAttribute("aria-busy", "true");
    const asked = signUp({ email, topics: [...topics], wording: wordingOf(form, boxes), form: form.dataset.tamshyForm || form.id || form.getAttribute("name") || "form", traits });
    const [answer, good] = answerTo(await asked);
    form.removeAttribute("aria-busy");
    if (!mine) return;
    show(form, inWords(form.dataset[`tamshyText${answer[0].toUpperCase()}${answer.slice(1)}`] || SAYS[spoken(LANGUAGES)][answer]), good);
    if (good) form.reset();
    form.dispatchEvent(new CustomEvent(good ? "tamshy:signed-up" : "tamshy:refused", { bubbles: true, composed: true }));
  }
  const LANGUAGES = Object.fromEntries(Object.keys(SAYS).map((name) => [name, name]));

  function onSubmit(event) {
    const form = event.target;
    if (!form.hasAttribute("data-tamshy-topics") && !form.querySelector("[data-tamshy-topic]")) return;
    // A form that goes somewhere goes there; one that goes nowhere is ours.
    const mine = !form.hasAttribute("action") && !event.defaultPrevented;
    if (mine) event.preventDefault();
    submitted(form, mine);
  }
  document.addEventListener("submit", onSubmit);

  // Pop-ups -------------------------------------------------------------------------------------------------------------

  const STYLE = `
:host{all:initial}
dialog{--accent:#0f766e;--on:#fff;--paper:#fff;--ink:#14212b;--quiet:#4a5a64;--line:#8a9699;box-sizing:border-box;width:min(26rem,calc(100vw - 32px));max-height:calc(100dvh - 32px);overflow:auto;margin:auto;padding:32px;border:0;border-radius:16px;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;box-shadow:0 16px 48px rgb(0 0 0/.3)}
dialog::backdrop{background:rgb(12 22 28/.55)}
*{box-sizing:border-box}
img{display:block;width:calc(100% + 64px);margin:-32px -32px 24px;max-height:12rem;object-fit:cover}
h2{margin:0 40px 8px 0;font-size:1.375rem;line-height:1.25;text-wrap:balance;overflow-wrap:anywhere}
p{margin:0 0 16px;overflow-wrap:anywhere}
label{display:block;font-weight:600;margin-bottom:4px}
input{width:100%;min-height:48px;padding:8px 12px;border:1px solid var(--line);border-radius:8px;background:transparent;color:inherit;font:inherit}
button{min-height:48px;font:inherit;cursor:pointer;border-radius:8px}
.go{width:100%;margin:12px 0 16px;padding:8px 24px;border:0;background:var(--accent);color:var(--on);font-weight:600}
.close{position:absolute;top:12px;right:12px;width:44px;min-height:44px;border:0;background:var(--paper);color:var(--ink);font-size:1.5rem;line-height:1}
small{display:block;color:var(--quiet);font-size:.8125rem}
[data-tamshy-answer]{margin:16px 0 0;font-weight:600}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
@media (prefers-color-scheme:dark){dialog{--accent:#5ecabd;--on:#0c1a1e;--paper:#17232b;--ink:#e8edea;--quiet:#a9b6b4;--line:#6d7c84}}
@media (prefers-reduced-motion:no-preference){dialog[open]{animation:rise .2s ease-out}}
@keyframes rise{from{transform:translateY(12px);opacity:0}}
@media (max-width:480px){dialog{margin-bottom:16px;padding:24px}img{width:calc(100% + 48px);margin:-24px -24px 16px}}`;

  function make(tag, attributes = {}, text = "") {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = text;
    return made;
  }

  function dress(root, accent, dialog) {
    try {
      // Sheets that a script makes are let in by pages that forbid inline styles.
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
    } catch {
      root.append(make("style", {}, STYLE));
    }
    if (accent) dialog.style.setProperty("--accent", accent);
  }

  const DAY = 864e5;
  const OFTEN = { never: 0, always: 0 };

  function days(text) {
    const found = /^(\d+)(h|d|w)$/.exec(text);
    return found ? found[1] * { h: DAY / 24, d: DAY, w: 7 * DAY }[found[2]] : OFTEN[text] ?? 30 * DAY;
  }

  // Opens a pop-up when its time comes. Gives a function that opens it now.
  function popup({ id = "popup", topics, title, text, button, wording, image, alt = "", accent, after = 5, scroll, leaving, every = "30d", form = id, traits }) {
    const name = `tamshy.popup.${id}`;
    const open = () => opened({ name, topics, title, text, button, wording, image, alt, accent, form, traits });
    const seen = read(name);
    if (seen?.joined || (seen && (every === "never" || Date.now() - seen.at < days(every)))) return open;
    let due = true;
    const once = () => {
      if (!due || document.querySelector("[data-tamshy-popup]")) return;
      due = false;
      for (const [target, kind, listener] of heardFor) target.removeEventListener(kind, listener);
      open();
    };
    const heardFor = [];
    const hear = (target, kind, listener) => (heardFor.push([target, kind, listener]), target.addEventListener(kind, listener, { passive: true }));
    if (scroll) hear(window, "scroll", () => (scrollY + innerHeight) / document.documentElement.scrollHeight >= scroll / 100 && once());
    if (leaving) hear(document.documentElement, "mouseleave", ({ clientY }) => clientY <= 0 && once());
    if (!scroll && !leaving) setTimeout(once, after * 1000);
    return open;
  }

  function opened({ name, topics, title, text, button, wording, image, alt, accent, form: formName, traits = {} }) {
    const says = SAYS[spoken(LANGUAGES)];
    const host = make("div", { "data-tamshy-popup": "" });
    const root = host.attachShadow({ mode: "open" });
    const dialog = make("dialog", { "aria-labelledby": "title", lang: language() });
    const close = make("button", { class: "close", type: "button", "aria-label": says.close }, "×");
    const form = make("form", { "data-tamshy-topics": [topics].flat().join(" "), "data-tamshy-form": formName });
    const input = make("input", { id: "email", name: "email", type: "email", required: "", autocomplete: "email", maxlength: "254" });
    if (image) dialog.append(make("img", { src: image, alt: inWords(alt) }));
    dialog.append(make("h2", { id: "title" }, inWords(title)));
    if (text) dialog.append(make("p", {}, inWords(text)));
    form.append(make("label", { for: "email" }, says.email), input, make("button", { class: "go" }, inWords(button) || "OK"));
    for (const [trait, value] of Object.entries(traits)) form.append(make("input", { type: "hidden", "data-tamshy-trait": trait, value }));
    form.append(make("small", { "data-tamshy-wording": "" }, inWords(wording) || ""));
    dialog.append(form, close); // the address is what one comes to first, and the way out is never far
    root.append(dialog);
    dress(root, accent, dialog);
    const before = document.activeElement;
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    form.addEventListener("submit", onSubmit);
    form.addEventListener("tamshy:signed-up", () => {
      write(name, { at: Date.now(), joined: true });
      for (const part of form.querySelectorAll("label, input, .go, small")) part.hidden = true;
      for (const part of form.querySelectorAll("[hidden]")) part.remove();
      close.focus();
    });
    dialog.addEventListener("close", () => {
      host.remove();
      before?.focus?.();
    });
    document.body.append(host);
    dialog.showModal();
    if (!read(name)?.joined) write(name, { at: Date.now() });
    emit("popup", name);
  }

  // What the page has said before ---------------------------------------------------------------------------------------

  const before = Array.isArray(early) ? [...early] : [];
  window[globalName] = api;
  const asked = Array.isArray(window.tamshy) ? window.tamshy : [];
  const tamshy = { popup, signUp: (what) => signUp(what).then((outcome) => ({ ...outcome, answer: answerTo(outcome)[0] })), analytics: api, version: VERSION, push: ([method, ...list]) => tamshy[method]?.(...list) };
  window.tamshy = tamshy;

  const FIRST = ["setAnonymousId", "addSourceMiddleware", "on", "once", "off"];
  const isFirst = ([method]) => FIRST.includes(method);
  api.load(script?.getAttribute("data-write-key") || early?._writeKey);
  for (const item of [...before.filter(isFirst), ...before.filter((one) => !isFirst(one))]) {
    if (item[0] !== "load" || !key) api.push(item);
  }
  // A tag with the key in it is all that a page needs; Segment's snippet asks for its page itself.
  const asksItself = early?._writeKey || before.some(([method]) => method === "page") || script?.getAttribute("data-page") === "off";
  if (key && !asksItself) api.page();
  const ready = () => asked.forEach((item) => tamshy.push(item));
  document.body ? ready() : document.addEventListener("DOMContentLoaded", ready);
})();
