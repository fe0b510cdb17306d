// The tables: finding, sorting, and showing more rows than stand there without this script.
// A row's position in the data is its id: f12 is the row 12 of the functions.

const MORE = 100;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const element = (name, content = [], properties = {}) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...content);
  return made;
};

// --- the data (packed.rs) ------------------------------------------------------------------

// All figures of a text; an absent one is null.
const unpack = (text) => {
  const figures = [];
  let [value, scale, sign] = [0, 1, 1];
  for (const char of text) {
    if (char === ".") figures.push(null);
    else if (char === "=") figures.push(figures.at(-1) ?? null);
    else if (char === "-") sign = -1;
    else {
      const digit = DIGITS.indexOf(char);
      value += (digit & 31) * scale;
      scale *= 32;
      if (digit < 32) {
        figures.push(sign * value);
        [value, scale, sign] = [0, 1, 1];
      }
    }
  }
  return figures;
};

// Each string has its beginning in common with the one before.
const unpackStrings = (packed) => {
  let last = "";
  return packed.map((text) => {
    const digits = text.match(/^[g-z0-9+/]*[A-Za-f]/)[0];
    last = last.slice(0, unpack(digits)[0]) + text.slice(digits.length);
    return last;
  });
};

const path = (name) => {
  const parts = name.split(/(?<=::)/);
  const last = parts.pop();
  return [...parts.map((part) => element("span", [part], { className: "module" })), last];
};

const ends = (panicked, cancelled) => {
  const all = [[panicked, "panicked"], [cancelled, "cancelled"]].filter(([count]) => count > 0);
  const text = all.map(([count, how]) => `${count} ${how}`).join(", ");
  return text ? [element("div", [text], { className: "soft" })] : [];
};

// What stands at the head of a row: how many figures it takes, its text, and its content.
const heads = (names, labels) => {
  const stack = [];
  return {
    functions: {
      width: 3,
      text: ([name]) => names[name],
      html: ([name, ...how]) => [...path(names[name]), ...ends(...how)],
    },
    segments: {
      width: 3,
      text: ([name, from, to]) => `${names[name]} ${labels[from]} → ${labels[to]}`,
      html: ([name, from, to]) => [
        ...path(names[name]),
        element("div", [`${labels[from]} → ${labels[to]}`]),
      ],
    },
    contexts: {
      width: 4,
      text: ([depth, name]) => {
        stack.length = depth - 1;
        stack.push(names[name]);
        return stack.join(" › ");
      },
      html: ([, , ...how], text) => {
        const steps = text.split(" › ").map(path);
        return [...steps.flatMap((step, at) => (at ? [" › ", ...step] : step)), ...ends(...how)];
      },
    },
  };
};

// --- figures as people read them (units.rs) -------------------------------------------------

const scaled = (bytes) => {
  const parts = (unit, digits) => {
    const ten = 10 ** digits;
    return (Math.floor((bytes * ten) / unit + 0.5) / ten).toFixed(digits);
  };
  if (bytes < 2 ** 10) return `${bytes} B`;
  if (bytes < 2 ** 20 - 2 ** 9) return `${parts(2 ** 10, 0)} KiB`;
  if (bytes < 2 ** 30 - 2 ** 19 / 10) return `${parts(2 ** 20, 1)} MiB`;
  if (bytes < 2 ** 40 - 2 ** 30 / 200) return `${parts(2 ** 30, 2)} GiB`;
  return `${parts(2 ** 40, 2)} TiB`;
};
const net = (bytes) => (bytes < 0 ? "-" : "") + scaled(Math.abs(bytes));
const shown = {
  count: (count) => (count < 1e7 ? `${count}` : `${(Math.floor(count / 1e5 + 0.5) / 10).toFixed(1)} M`),
  bound: (twice) => (twice % 2 ? "≥ " : "") + shown.count(Math.floor(twice / 2)),
  bytes: net,
  estimate: (twice) => (twice % 2 ? "~ " : "") + net(Math.floor(twice / 2)),
  growth: (bytes) => (bytes > 0 ? "+" : "") + net(bytes),
};

const bar = ([low, high], value) => {
  const place = (at) => (at - low) / Math.max(high - low, 1);
  const share = (part) => `${(part * 100).toFixed(2)}%`;
  const [zero, end] = [place(0), place(value)];
  const part = element("i", [], { className: value < 0 ? "below" : "" });
  part.style.left = share(Math.min(zero, end));
  part.style.width = share(Math.abs(end - zero));
  const made = element("span", [part], { className: "bar", ariaHidden: "true" });
  if (zero > 0) {
    made.append(element("b"));
    made.lastChild.style.left = share(zero);
  }
  return made;
};

const cell = (column, value) => {
  const made = element("td", [], { className: column.className });
  if (value === null) return made;
  made.dataset.value = value;
  made.append(shown[column.kind](value));
  if (column.scale) made.append(bar(column.scale, value));
  return made;
};

// --- tables ---------------------------------------------------------------------------------

const makeTable = (table) => {
  const [body] = table.tBodies;
  const folded = table.closest("section").querySelector(".folded");
  const nothing = element("p", [], { hidden: true });
  const more = element("button", [`Show ${MORE} more`], { type: "button", hidden: true });
  folded.append(" ", more);
  table.parentElement.before(nothing);
  const columns = [...table.querySelectorAll("th[data-column]")]
    .sort((one, other) => one.dataset.column - other.dataset.column)
    .map((head) => ({
      head,
      kind: head.dataset.kind,
      scale: head.dataset.scale?.split(" ").map(Number),
      className: head.className,
    }));
  // The rows that stand there, by their position in the data.
  const made = new Map([...body.rows].map((row) => [Number(row.id.slice(1)), row]));
  const always = new Set(made.keys());
  const few = Number(table.dataset.shown);
  const sentence = folded.firstElementChild.textContent;
  const ranked = columns.find(({ head }) => head.hasAttribute("aria-sort"));
  const itself = { id: table.id, rows: null, order: null, hits: 0, limit: few, words: [] };

  const row = (at) => {
    if (!made.has(at)) {
      const { head, text, cells } = itself.rows[at];
      const first = element("th", itself.head.html(head, text), { scope: "row" });
      first.dataset.value = text;
      const others = columns.slice(1).map((column, at) => cell(column, cells[at]));
      made.set(at, element("tr", [first, ...others], { id: table.id[0] + at }));
    }
    return made.get(at);
  };

  // All rows, as the column says that they are sorted by.
  const sort = () => {
    const { rows } = itself;
    const column = columns.findIndex(({ head }) => head.hasAttribute("aria-sort"));
    const direction = columns[column].head.getAttribute("aria-sort") === "ascending" ? 1 : -1;
    const values = rows.map(column ? ({ cells }) => cells[column - 1] : ({ lower }) => lower);
    itself.order = [...rows.keys()].sort((one, other) => {
      const [a, b] = [values[one], values[other]];
      // What is absent stands last, whichever way.
      if (a === null || b === null) return (a === null) - (b === null);
      return a < b ? -direction : a > b ? direction : 0;
    });
  };

  itself.refresh = () => {
    const { rows, words, limit } = itself;
    if (!itself.order) sort();
    const hits = itself.order.filter((at) => words.every((word) => rows[at].lower.includes(word)));
    const visible = hits.filter((at, place) => place < limit || (!words.length && always.has(at)));
    body.replaceChildren(...visible.map(row));
    itself.hits = hits.length;
    const rest = hits.length - visible.length;
    const isAsBefore = !words.length && limit === few
      && ranked.head.getAttribute("aria-sort") === "descending";
    const other = rest ? `${rest} more, in this order.` : "";
    folded.firstElementChild.textContent = isAsBefore ? sentence : other;
    more.hidden = !rest;
    nothing.hidden = hits.length > 0;
    nothing.textContent = "None with this name.";
    table.parentElement.hidden = hits.length === 0;
  };
  itself.find = (words) => Object.assign(itself, { words, limit: few }).refresh();
  itself.show = (at) => {
    if (at < itself.rows.length) always.add(at);
    itself.find([]);
  };

  more.addEventListener("click", () => {
    load();
    itself.limit += MORE;
    itself.refresh();
  });
  for (const { head, kind } of columns) {
    const button = element("button", [...head.childNodes], { type: "button" });
    head.append(button);
    button.addEventListener("click", () => {
      load();
      const before = head.getAttribute("aria-sort");
      const falling = before ? before === "ascending" : kind !== "text";
      for (const other of columns) other.head.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      itself.order = null;
      itself.refresh();
    });
  }
  more.hidden = !sentence;
  return itself;
};

const data = document.getElementById("rows");
const tables = [...document.querySelectorAll("table[data-noun]")].map(makeTable);

// Unpacks the data, once somebody asks for it.
let isLoaded = false;
const load = () => {
  if (isLoaded) return;
  isLoaded = true;
  const packed = JSON.parse(data.textContent);
  const all = heads(unpackStrings(packed.names), unpackStrings(packed.labels));
  for (const table of tables) {
    table.head = all[table.id];
    const columns = document.querySelectorAll(`#${table.id} th[data-column]`).length - 1;
    const figures = unpack(packed[table.id]);
    table.rows = [];
    for (let at = 0; at < figures.length; at += table.head.width + columns) {
      const head = figures.slice(at, at + table.head.width);
      const cells = figures.slice(at + table.head.width, at + table.head.width + columns);
      const text = table.head.text(head);
      table.rows.push({ head, cells, text, lower: text.toLowerCase() });
    }
  }
};

if (data) {
  const find = document.getElementById("find");
  const query = document.getElementById("query");
  const hits = document.getElementById("hits");
  find.hidden = false;
  const search = () => {
    load();
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const told = [];
    for (const table of tables) {
      table.find(words);
      const noun = document.getElementById(table.id).dataset.noun;
      told.push(element("a", [`${table.hits} of ${table.rows.length} ${noun}`], { href: `#${table.id}-title` }));
    }
    hits.replaceChildren(...(words.length ? told.flatMap((link, at) => (at ? [", ", link] : [link])) : []));
  };
  query.addEventListener("input", search);
  query.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !query.value) return;
    query.value = "";
    search();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input")) return;
    event.preventDefault();
    query.focus();
  });

  // A link to a row that is not there.
  const reach = (hash) => {
    const [, id, at] = hash.match(/^#([fsc])(\d+)$/) ?? [];
    if (!id || document.getElementById(id + at)) return false;
    query.value = "";
    search();
    tables.find((table) => table.id[0] === id)?.show(Number(at));
    return true;
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link) reach(link.hash);
  });
  if (reach(location.hash)) location.replace(location.hash);
}

// A sign at tables that are wider than their place.
const wide = new ResizeObserver((changes) => {
  for (const { target } of changes) {
    const place = target.closest(".scroll");
    const sign = place.closest("section").querySelector(".wide");
    sign.hidden = place.scrollWidth <= place.clientWidth;
  }
});
for (const place of document.querySelectorAll(".scroll")) {
  wide.observe(place);
  wide.observe(place.firstElementChild);
}
