// Runs before the first paint, so that a chosen theme does not flash.
(() => {
  const root = document.documentElement;
  let chosen = "auto";
  try {
    chosen = localStorage.getItem("theme") || "auto";
  } catch {
    // Storage may be forbidden; the page then follows the system.
  }
  const apply = (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    dispatchEvent(new Event("themechange"));
  };
  apply(chosen);

  addEventListener("DOMContentLoaded", () => {
    const choices = document.getElementById("theme");
    choices.hidden = false;
    for (const input of choices.querySelectorAll("input")) {
      input.checked = input.value === chosen;
      input.addEventListener("change", () => {
        apply(input.value);
        try {
          localStorage.setItem("theme", input.value);
        } catch {
          // It lasts until the next page, then.
        }
      });
    }
    // On a phone the navigation scrolls sideways: bring the current page into view.
    const current = document.querySelector("nav a[aria-current]");
    const nav = document.querySelector("nav");
    if (current) nav.scrollLeft = current.offsetLeft - nav.clientWidth / 2 + current.clientWidth / 2;
  });
})();
