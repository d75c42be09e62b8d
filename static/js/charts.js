// Charts: figures come from the server, colours from the token sheet, so both themes are right.
import { calm, color } from "./color.js";

const config = { displayModeBar: false, responsive: true, displaylogo: false };
const TIMES = [
  { dtickrange: [null, 59_999], value: "%H:%M:%S" },
  { dtickrange: [60_000, null], value: "%H:%M" },
];
const given = () => JSON.parse(document.getElementById("chart-data").dataset.figures);

function painted(figure) {
  const font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: color("ink-soft") };
  const axis = { gridcolor: color("line"), zerolinecolor: color("line"), linecolor: color("line"), tickfont: font, fixedrange: true };
  return {
    data: figure.data.map((trace) => {
      const line = color(trace.meta);
      return { ...trace, line: { ...trace.line, color: line }, fillcolor: line.replace("rgb(", "rgba(").replace(")", ", 0.12)") };
    }),
    layout: {
      margin: { l: 52, r: 14, t: 8, b: 34 }, height: 260, hovermode: "x unified", showlegend: figure.data.length > 1,
      legend: { orientation: "h", y: 1.14, x: 0, font }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font,
      hoverlabel: { bgcolor: color("surface"), bordercolor: color("line"), font: { ...font, color: color("ink") } },
      xaxis: { ...axis, type: "date", tickformatstops: TIMES, hoverformat: "%H:%M:%S UTC", showgrid: false },
      yaxis: { ...axis, ...figure.layout.yaxis, title: { ...figure.layout.yaxis.title, font }, nticks: 5 },
      transition: { duration: calm.matches ? 0 : 150 },
    },
  };
}

function draw() {
  const figures = given();
  for (const box of document.querySelectorAll("[data-chart]")) {
    const figure = figures?.[box.dataset.chart];
    if (!figure) continue;
    const { data, layout } = painted(figure);
    window.Plotly.react(box, data, layout, config);
    box.dataset.ready = "true";
  }
}

draw();
document.addEventListener("htmx:after:swap", () => { if (document.getElementById("chart-data")) draw(); });
document.addEventListener("mesh:theme", draw);
