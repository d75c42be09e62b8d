// Colours of the token sheet as the browser resolves them, for canvases that cannot read CSS.

const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

export function color(token) {
  probe.style.color = `var(--${token})`;
  return getComputedStyle(probe).color;
}

export const calm = matchMedia("(prefers-reduced-motion: reduce)");
