"use strict";
// Sorting, filtering and opening; the page is readable without any of it.
const table = document.getElementById("table");
const rows = [...table.tBodies[0].rows];
const sections = new Map([...document.querySelectorAll("details.student")].map((one) => [one.dataset.for, one]));
const name = document.getElementById("name");
const show = document.getElementById("show");
const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function sort(header) {
  const column = header.cellIndex;
  const down = header.getAttribute("aria-sort") === "ascending";
  const numeric = rows.some((row) => row.cells[column].classList.contains("n"));
  const value = (row) => row.cells[column].dataset.value;
  const compare = (a, b) => (numeric ? value(a) - value(b) : order.compare(value(a), value(b)));
  rows.sort((a, b) => (down ? compare(b, a) : compare(a, b)));
  for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  table.tBodies[0].append(...rows);
}

function filter() {
  const wanted = name.value.trim().toLocaleLowerCase();
  let count = 0;
  for (const row of rows) {
    const fits =
      row.cells[0].dataset.value.toLocaleLowerCase().includes(wanted) &&
      (!show.value || row.dataset.flags.split(" ").includes(show.value));
    row.hidden = sections.get(row.dataset.for).hidden = !fits;
    count += fits;
  }
  document.getElementById("shown").textContent = `${count} of ${rows.length} shown`;
}

function reveal() {
  const section = sections.get(location.hash.slice(1));
  if (!section) return;
  if (section.hidden) {
    name.value = show.value = "";
    filter();
  }
  section.open = true;
  section.scrollIntoView();
  section.querySelector("summary").focus({ preventScroll: true });
}

function open(all) {
  for (const section of sections.values()) section.open = all && !section.hidden;
}

for (const button of table.tHead.querySelectorAll("button")) {
  button.disabled = false;
  button.addEventListener("click", () => sort(button.parentNode));
}
name.addEventListener("input", filter);
show.addEventListener("change", filter);
document.getElementById("open").addEventListener("click", () => open(true));
document.getElementById("close").addEventListener("click", () => open(false));
addEventListener("hashchange", reveal);
// A second click on the same link changes no hash.
document.addEventListener("click", (event) => {
  if (event.target.closest(`a[href="${CSS.escape(location.hash)}"]`)) reveal();
});
document.getElementById("controls").hidden = false;
reveal();
