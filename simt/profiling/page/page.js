// A click on a line shows its pictures below it; another hides them. They stay further down too.
"use strict";
document.documentElement.classList.add("scripted");

function toggle(row) {
  const next = row.nextElementSibling;
  if (next && next.classList.contains("shown")) {
    next.remove();
    return;
  }
  const shown = document.createElement("tr");
  shown.className = "shown";
  const cell = shown.insertCell();
  cell.colSpan = row.cells.length;
  for (const figure of document.getElementById(row.dataset.pictures).querySelectorAll("figure"))
    cell.append(figure.cloneNode(true));
  row.after(shown);
}

for (const row of document.querySelectorAll(".has-pictures"))
  row.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || String(getSelection())) return;
    event.preventDefault();
    toggle(row);
  });

// To begin with, the costliest line of each kernel.
for (const kernel of document.querySelectorAll(".kernel")) {
  const row = kernel.dataset.open && kernel.querySelector(`[data-pictures="${kernel.dataset.open}"]`);
  if (row) toggle(row);
}
