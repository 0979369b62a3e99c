// A picture with words for those who do not see it. It tells the kernel whether the page is dark.
function render({ model, el }) {
  const image = document.createElement("img");
  image.className = "lc-picture";
  image.style.maxWidth = "100%";
  el.appendChild(image);

  const show = async () => {
    const next = new Image();
    next.src = URL.createObjectURL(new Blob([model.get("png")], { type: "image/png" }));
    await next.decode(); // so that nothing flickers
    URL.revokeObjectURL(image.src);
    image.src = next.src;
  };
  const say = () => { image.alt = model.get("alt"); };
  const look = () => {
    const light = document.body.dataset.jpThemeLight;
    const dark = light ? light === "false" : matchMedia("(prefers-color-scheme: dark)").matches;
    if (dark !== model.get("dark")) {
      model.set("dark", dark);
      model.save_changes();
    }
  };
  model.on("change:png", show);
  model.on("change:alt", say);
  show();
  say();
  look();
  const watch = new MutationObserver(look);
  watch.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  return () => {
    watch.disconnect();
    model.off("change:png", show);
    model.off("change:alt", say);
  };
}
export default { render };
