// Zooming in the call tree.
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
