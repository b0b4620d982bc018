// Which cells match what the reader asked for.
const form = byId("filters");
const chosen = (name) => new Set(Array.from(form.querySelectorAll(`[name=${name}]:checked`), (box) => box.value));

function readFilters() {
  return {
    personas: chosen("persona"),
    outcomes: chosen("outcome"),
    object: byId("object").value,
    words: byId("search").value.toLowerCase().split(/\s+/).filter(Boolean),
    differences: byId("only-differences")?.checked ?? false,
  };
}

let filters = readFilters();

const showsObject = (object) => filters.object === "" || objects[filters.object] === object;
const showsPersona = (persona) => !filters.personas.size || filters.personas.has(String(persona));
// Whether rows are left out, so that what is left should be seen at once.
const isNarrowed = () => filters.outcomes.size > 0 || filters.words.length > 0 || filters.differences;

function matches(cell) {
  return showsObject(cell.object)
    && showsPersona(cell.persona)
    && (!filters.outcomes.size || filters.outcomes.has(cell.outcome))
    && (!filters.differences || cell.entries.length > 0)
    && filters.words.every((word) => cell.haystack.includes(word));
}
