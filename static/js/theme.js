// Chooses light or dark before the first paint, and lets the user override the system.
(() => {
  const root = document.documentElement;
  const order = ["auto", "light", "dark"];
  const saved = () => {
    try {
      return order.includes(localStorage.getItem("mesh-theme")) ? localStorage.getItem("mesh-theme") : "auto";
    } catch {
      return "auto";
    }
  };
  const apply = (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    root.dispatchEvent(new CustomEvent("mesh:theme", { bubbles: true }));
  };
  const label = (button, theme) => {
    const use = button.querySelector("use");
    const icon = { auto: "auto", light: "sun", dark: "moon" }[theme];
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${icon}`));
    button.setAttribute("aria-label", `Theme: ${theme}. Change it`);
    button.title = `Theme: ${theme}`;
  };
  root.classList.add("has-script");
  apply(saved());
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      label(button, saved());
      button.addEventListener("click", () => {
        const next = order[(order.indexOf(saved()) + 1) % order.length];
        try {
          localStorage.setItem("mesh-theme", next);
        } catch {
          // Without storage the choice lasts until the page is left.
        }
        apply(next);
        label(button, next);
      });
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(saved()));
})();
