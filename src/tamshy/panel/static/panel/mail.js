// Tabs of the mail page (arrow keys move between them, as in every tab list), and the width of the letter.
"use strict";

const tabs = [...document.querySelectorAll('[role="tab"]')];

function choose(tab) {
  for (const other of tabs) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
  }
}

for (const [at, tab] of tabs.entries()) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!way) return;
    const next = tabs[(at + way + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
}

const letter = document.getElementById("letter");
const widths = [...document.querySelectorAll("[data-width]")];
for (const button of widths) {
  button.addEventListener("click", () => {
    letter.className = button.dataset.width;
    for (const other of widths) other.setAttribute("aria-pressed", String(other === button));
  });
}
