// Sorting of the tables and zooming in the call tree. All else works without.
"use strict";

for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  for (const head of table.querySelectorAll("th[data-column]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const column = Number(head.dataset.column);
      const text = head.hasAttribute("data-text");
      const before = head.getAttribute("aria-sort");
      const falling = before ? before === "ascending" : !text;
      for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const value = (row) => row.cells[column].dataset.value;
      const compare = (one, other) => {
        const [a, b] = [value(one), value(other)];
        // What is absent stands last, whichever way.
        if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
        const order = text ? a.localeCompare(b) : Number(a) - Number(b);
        return falling ? -order : order;
      };
      body.append(...[...body.rows].sort(compare));
    });
  }
}

const icicle = document.querySelector(".icicle");
if (icicle) {
  const told = document.getElementById("zoomed");
  document.getElementById("how-to-zoom").hidden = false;
  const zoom = (item) => {
    for (const old of icicle.querySelectorAll(".away, .all")) old.classList.remove("away", "all");
    for (let at = item; at && icicle.contains(at); at = at.parentElement.closest("li")) {
      at.classList.add("all");
      for (const other of at.parentElement.children) if (other !== at) other.classList.add("away");
    }
    const box = item.querySelector("a");
    told.textContent = "Shown: " + box.title;
    box.focus();
  };
  icicle.addEventListener("click", (event) => {
    const box = event.target.closest("a");
    if (!box) return;
    event.preventDefault();
    zoom(box.closest("li"));
  });
  icicle.addEventListener("keydown", (event) => {
    if (event.key === "Escape") zoom(icicle.querySelector("li"));
  });
}
