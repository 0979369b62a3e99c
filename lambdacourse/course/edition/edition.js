// Search over SECTIONS, from search-index.js: [page, anchor, title, heading, words]. And what the keyboard needs on narrow screens.
const root = document.currentScript.dataset.root;
const MOST = 30;
const [form, field, results] = ["form", "#search", "#results"].map((at) => document.querySelector(at));
const [said, list] = [results.querySelector("p"), results.querySelector("ul")];

form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
field.addEventListener("input", () => show(field.value.toLowerCase().split(/\s+/).filter(Boolean)));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !results.hidden) {
    field.value = "";
    show([]);
    field.focus();
  }
});
list.addEventListener("click", (event) => event.target.closest("a") && show([]));

// Sections in which all the words occur, those that have them in their heading first.
function find(words) {
  const all = (text) => words.every((word) => text.toLowerCase().includes(word));
  const found = SECTIONS.filter((section) => all(section.slice(2).join(" ")));
  return [...found.filter((section) => all(section[3])), ...found.filter((section) => !all(section[3]))];
}

function show(words) {
  results.hidden = !words.length;
  const found = words.length ? find(words) : [];
  said.textContent = found.length > MOST ? `${found.length} places, the first ${MOST}:` : `${found.length} place${found.length === 1 ? "" : "s"}`;
  list.replaceChildren(...found.slice(0, MOST).map((section) => line(section, words)));
}

function line([page, anchor, title, heading, text], words) {
  const [item, link, about] = ["li", "a", "span"].map((tag) => document.createElement(tag));
  link.href = `${root}${page}#${encodeURIComponent(anchor)}`;
  link.textContent = heading === title ? title : `${title}: ${heading}`;
  const at = Math.max(text.toLowerCase().indexOf(words[0]) - 60, 0);
  about.textContent = `${at ? "… " : ""}${text.slice(at, at + 160)}${at + 160 < text.length ? " …" : ""}`;
  item.append(link, about);
  return item;
}

// What is wider than its place can be scrolled with the keyboard, also without this script; what is not, is no stop for it.
const scrollers = document.querySelectorAll(".wide, pre");
new ResizeObserver(() => {
  for (const each of scrollers) each.tabIndex = each.scrollWidth > each.clientWidth ? 0 : -1;
}).observe(document.body);

if (innerWidth > 1100) document.querySelector(".contents details").open = true;
