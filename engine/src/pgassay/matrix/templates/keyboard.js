// Keys, clicks, and the start.
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

const cellsIn = (row) => Array.from(row?.querySelectorAll("td.cell") ?? []);
const centre = (element) => {
  const { column, span } = cellOf.get(element);
  return column + (span - 1) / 2;
};

// The cell of a row whose column is nearest.
function nearest(row, element) {
  return cellsIn(row).reduce((best, other) =>
    (!best || Math.abs(centre(other) - centre(element)) < Math.abs(centre(best) - centre(element)) ? other : best), null);
}

function move(element, [down, right]) {
  const row = element.closest("tr");
  if (right) return cellsIn(row)[cellsIn(row).indexOf(element) + right];
  const rows = Array.from(byId("objects").querySelectorAll("section:not([hidden]) tbody tr"));
  return nearest(rows[rows.indexOf(row) + down], element);
}

function moveBy(key, element) {
  const cells = cellsIn(element.closest("tr"));
  if (key === "Home") return cells[0];
  if (key === "End") return cells.at(-1);
  return STEPS[key] && move(element, STEPS[key]);
}

function onGridKey(event) {
  const element = event.target.closest("td.cell");
  if (!element || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" || event.key === " ") openCell(cellOf.get(element), element);
  else if (event.key in STEPS || event.key === "Home" || event.key === "End") {
    const next = moveBy(event.key, element);
    if (next) focusCell(next);
  } else return;
  event.preventDefault();
}

function onKey(event) {
  const typing = event.target.matches("input, select, textarea");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    byId("search").focus();
    byId("search").select();
  } else if (event.key === "Escape" && !panel.hidden) closePanel();
}

function onClick(event) {
  const element = event.target.closest("td.cell");
  if (!element) return;
  focusCell(element);
  openCell(cellOf.get(element), element);
}

function onEntry(event) {
  const button = event.target.closest("[data-entry]");
  if (button) openEntry(entries[Number(button.dataset.entry)], button);
}

function onRelation(event) {
  const link = event.target.closest("[data-object]");
  if (!link) return;
  const object = objects.find((some) => some.name === link.dataset.object);
  event.preventDefault();
  if (object) reveal(cellsOf(object)[0]);
}

function setAllOpen(open) {
  for (const section of sections.values()) if (!section.element.hidden) setOpen(section, open);
}

// Paper has every cell that differs, whatever is open on the screen.
function openForPaper() {
  for (const section of sections.values()) {
    if (!isNarrowed() || section.open || section.element.hidden) continue;
    section.onPaper = true;
    setOpen(section, true);
  }
}

function closeAfterPaper() {
  for (const section of sections.values()) {
    if (section.onPaper) setOpen(section, false);
    section.onPaper = false;
  }
}

function start() {
  initTheme();
  byId("objects").append(...objects.map(makeSection));
  byId("objects").addEventListener("keydown", onGridKey);
  byId("objects").addEventListener("click", onClick);
  byId("differences")?.addEventListener("click", onEntry);
  byId("tables")?.addEventListener("click", onRelation);
  byId("panel-close").addEventListener("click", closePanel);
  byId("expand").addEventListener("click", () => setAllOpen(true));
  byId("collapse").addEventListener("click", () => setAllOpen(false));
  document.addEventListener("keydown", onKey);
  addEventListener("beforeprint", openForPaper);
  addEventListener("afterprint", closeAfterPaper);
  let waiting = 0;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 80);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(refresh));
  if (byId("only-differences")) byId("only-differences").checked = allCells.some((cell) => cell.entries.length);
  refresh();
  if (!isNarrowed() && allCells.length <= 400) setAllOpen(true);
}

start();
