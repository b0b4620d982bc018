// Findings: which match, where the reader is, and what is copied.
const findings = Array.from(document.querySelectorAll(".findings[aria-label='Findings'] > .finding"));
const search = byId("finding-search");

function refreshFindings() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const severities = new Set(
    Array.from(document.querySelectorAll("[name=severity]:checked"), (box) => box.value));
  let shown = 0;
  for (const finding of findings) {
    const text = finding.textContent.toLowerCase();
    finding.hidden = (severities.size && !severities.has(finding.dataset.severity))
      || !words.every((word) => text.includes(word));
    shown += finding.hidden ? 0 : 1;
  }
  byId("finding-status").textContent = `${shown} of ${findings.length} findings`;
  byId("no-finding").hidden = shown > 0;
}

function step(by) {
  const left = findings.filter((finding) => !finding.hidden);
  const here = left.indexOf(document.activeElement.closest(".finding"));
  const next = left[here < 0 ? (by > 0 ? 0 : left.length - 1) : here + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

async function copyBlock(button) {
  const done = await copy(button.dataset.copy);
  button.textContent = done ? "Copied" : "Cannot copy";
  setTimeout(() => { button.textContent = "Copy for psql"; }, 1500);
}

function onFindingKey(event) {
  if (event.target.matches("input:not([type=checkbox]), select, textarea")) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "f") {
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
  else if (event.key === "c") document.activeElement.closest(".finding")?.querySelector("[data-copy]")?.click();
}

byId("lead").addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copyBlock(button);
});
if (search) {
  document.addEventListener("keydown", onFindingKey);
  byId("finding-filters").addEventListener("input", refreshFindings);
  byId("finding-filters").addEventListener("submit", (event) => event.preventDefault());
  refreshFindings();
}
