
"use strict";
(() => {
  const packed = JSON.parse(document.getElementById("packed").textContent);
  const chunks = [...document.querySelectorAll(".chunk")];
  const unpacked = [];
  const rows = [...document.querySelectorAll("#list > tbody > tr.t")];
  const unpack = (number) => {
    unpacked[number] ??= (async () => {
      const bytes = Uint8Array.from(atob(chunks[number].textContent), (letter) => letter.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      return JSON.parse(await new Response(stream).text());
    })();
    return unpacked[number];
  };
  const addCopy = (part) => {
    for (const pre of part.querySelectorAll("pre")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(pre.textContent);
          button.textContent = "Copied";
        } catch {
          getSelection().selectAllChildren(pre);
          button.textContent = "Selected";
        }
      });
      pre.before(button);
    }
  };
  addCopy(document);

  const toggle = async (row) => {
    const button = row.querySelector(".name");
    const open = row.nextElementSibling?.classList.contains("open") ? row.nextElementSibling : null;
    if (open) {
      open.remove();
      button.setAttribute("aria-expanded", "false");
      return;
    }
    const at = rows.indexOf(row);
    const texts = await unpack(Math.floor(at / packed.per));
    const made = document.createElement("tr");
    const cell = made.insertCell();
    made.className = "open";
    cell.colSpan = 5;
    cell.innerHTML = texts[at % packed.per];
    addCopy(cell);
    row.after(made);
    button.setAttribute("aria-expanded", "true");
  };
  document.getElementById("list")?.addEventListener("click", (event) => {
    const button = event.target.closest(".name");
    if (button) toggle(button.closest("tr"));
  });

  const filters = document.getElementById("filters");
  if (!filters) return;
  filters.hidden = false;
  const text = document.getElementById("filter");
  const beside = document.getElementById("beside");
  const verdicts = [...filters.querySelectorAll("input[value]:not(#filter):not(#beside)")];
  const names = rows.map((row) => row.textContent.toLowerCase());
  const apply = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(verdicts.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    rows.forEach((row, at) => {
      const on = wanted.has(row.dataset.v) && (!beside.checked || "b" in row.dataset)
        && words.every((word) => names[at].includes(word));
      row.classList.toggle("off", !on);
      const next = row.nextElementSibling;
      if (next?.classList.contains("open")) next.classList.toggle("off", !on);
      shown += on;
    });
    document.getElementById("count").textContent = `${shown.toLocaleString("en")} shown`;
    document.getElementById("nothing").hidden = shown > 0;
  };
  filters.addEventListener("input", apply);
  filters.addEventListener("submit", (event) => event.preventDefault());
})();
