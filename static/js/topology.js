// The graph: drawn once, then updated in place. The table beside it says the same in text.
import { calm, color } from "./color.js";

const box = document.getElementById("graph");
const locks = document.getElementById("graph-locks");
const SVG = "http://www.w3.org/2000/svg";
const DETAIL_EDGES = 120;
// On a phone callers stand above what they call.
const isNarrow = box.clientWidth < 620;
// How far from its caller an arrow says its figures: arrows that cross do so further on.
const WORDS_AT = isNarrow ? 46 : 112;

const given = () => JSON.parse(document.getElementById("graph-data").dataset.graph);

function style() {
  const font = getComputedStyle(document.body).fontFamily;
  const looks = ["ok", "warn", "bad", "idle"];
  return [
    {
      selector: "node",
      style: {
        shape: "round-rectangle", width: 168, height: 52, "background-color": color("surface"),
        "border-width": 1.5, "border-color": color("line-strong"), label: "data(text)", color: color("ink"),
        "font-family": font, "font-size": 12.5, "text-wrap": "wrap", "text-valign": "center",
        "text-halign": "center", "line-height": 1.35, "text-max-width": 156,
      },
    },
    { selector: "node[kind = 'outside'], node[kind = 'other']", style: { shape: "cut-rectangle", width: 104, height: 44, "background-color": color("raised") } },
    ...looks.map((look) => ({ selector: `node[look = '${look}']`, style: { "border-color": color(look) } })),
    { selector: "node[trouble != '']", style: { shape: "octagon", height: 68, "border-width": 3, "border-style": "double" } },
    { selector: "node[look = 'bad']", style: { "border-width": 3 } },
    {
      selector: "edge",
      style: {
        width: "data(width)", "curve-style": "bezier", "control-point-step-size": 60, "line-color": color("line-strong"),
        "target-arrow-color": color("line-strong"), "target-arrow-shape": "triangle", "arrow-scale": 0.9,
        "source-label": "data(text)", "source-text-offset": WORDS_AT, "source-text-margin-y": -20, color: color("ink-soft"),
        "font-family": font, "font-size": 11, "text-background-color": color("surface"), "text-background-opacity": 0.92,
        "text-background-padding": 2,
      },
    },
    ...looks.slice(1, 3).map((look) => ({ selector: `edge[look = '${look}']`, style: { "line-color": color(look), "target-arrow-color": color(look) } })),
    { selector: "edge[lock = 'lock-open']", style: { "line-style": "dashed", "line-dash-pattern": [7, 4] } },
    { selector: ":selected", style: { "overlay-color": color("accent"), "overlay-opacity": 0.14, "overlay-padding": 5 } },
    { selector: ".faded", style: { opacity: 0.22 } },
  ];
}

const elements = (graph) => [
  ...graph.nodes.map((data) => ({ group: "nodes", data })),
  ...graph.edges.map((data) => ({ group: "edges", data })),
];

const layout = (animate) => ({
  name: "dagre", ...(isNarrow ? { rankDir: "TB", nodeSep: 40, rankSep: 96 } : { rankDir: "LR", nodeSep: 84, rankSep: 232 }), edgeSep: 24, padding: 34, fit: true,
  animate: animate && !calm.matches, animationDuration: 250,
});

const cy = window.cytoscape({
  container: box, elements: elements(given()), style: style(), layout: layout(false),
  minZoom: 0.15, maxZoom: 2.2, boxSelectionEnabled: false,
});
if (cy.zoom() > 1.25) { cy.zoom(1.25); cy.center(); }

function wordsPlace(edge) {
  const from = edge.sourceEndpoint();
  const to = edge.targetEndpoint();
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const part = Math.min(0.5, WORDS_AT / length);
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

/** Padlocks lie over the canvas: real shapes in the state's colour, under the words of each edge. */
function drawLocks() {
  const edges = cy.edges();
  locks.replaceChildren();
  if (edges.length > DETAIL_EDGES || cy.zoom() < 0.45) return;
  const size = 18 * Math.min(1.2, cy.zoom());
  edges.forEach((edge) => {
    const place = wordsPlace(edge);
    const pan = cy.pan();
    const use = document.createElementNS(SVG, "use");
    const x = place.x * cy.zoom() + pan.x;
    const y = place.y * cy.zoom() + pan.y;
    const disc = document.createElementNS(SVG, "circle");
    disc.setAttribute("cx", x);
    disc.setAttribute("cy", y);
    disc.setAttribute("r", size * 0.72);
    disc.setAttribute("class", "lock-disc");
    use.setAttribute("href", `${locks.dataset.sprite}#${edge.data("lock")}`);
    use.setAttribute("x", x - size / 2);
    use.setAttribute("y", y - size / 2);
    use.setAttribute("width", size);
    use.setAttribute("height", size);
    use.setAttribute("class", `lock is-${edge.data("lockLook")}`);
    locks.append(disc, use);
  });
}

let isDrawing = false;
function drawLocksSoon() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    drawLocks();
  });
}

/** Figures change in place; only a node or edge that came or went is a reason to lay out again. */
function update() {
  const graph = given();
  const wanted = new Set([...graph.nodes, ...graph.edges].map((each) => each.id));
  const gone = cy.elements().filter((element) => !wanted.has(element.id()));
  const fresh = elements(graph).filter((element) => cy.getElementById(element.data.id).empty());
  cy.batch(() => {
    gone.remove();
    for (const { data } of elements(graph)) cy.getElementById(data.id).data(data);
    cy.add(fresh);
  });
  if (gone.nonempty() || fresh.length > 0) cy.layout(layout(true)).run();
  drawLocksSoon();
}

function rowOf(id) {
  return document.querySelector(`[data-edge="${CSS.escape(id)}"]`);
}

cy.on("pan zoom resize position layoutstop", drawLocksSoon);
cy.on("tap", "node", ({ target }) => { if (target.data("href")) location.href = target.data("href"); });
cy.on("select", "edge", ({ target }) => {
  const row = rowOf(target.id());
  row?.classList.add("is-cursor");
  row?.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
});
cy.on("unselect", "edge", ({ target }) => rowOf(target.id())?.classList.remove("is-cursor"));
cy.on("mouseover", "node", ({ target }) => cy.elements().not(target.closedNeighborhood()).addClass("faded"));
cy.on("mouseout", "node", () => cy.elements().removeClass("faded"));

document.getElementById("graph-fit").addEventListener("click", () => cy.fit(undefined, 34));
document.addEventListener("htmx:after:swap", (event) => { if (document.getElementById("graph-data")) update(event); });
document.addEventListener("mesh:theme", () => { cy.style(style()); drawLocksSoon(); });
box.dataset.ready = "true";
drawLocksSoon();
