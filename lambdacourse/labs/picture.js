// A picture with words for those who do not see it. It tells the kernel whether the page is dark, and gives the sliders
// beside it the names and values that a screen reader needs: ipywidgets leaves them without.
function render({ model, el }) {
  const image = document.createElement("img");
  image.className = "lc-picture";
  image.style.maxWidth = "100%";

  const show = async () => {
    const next = new Image();
    next.src = URL.createObjectURL(new Blob([model.get("png")], { type: "image/png" }));
    await next.decode(); // so that nothing flickers
    URL.revokeObjectURL(image.src);
    image.src = next.src;
    if (image.parentElement) return;
    await image.decode(); // a picture that loads below the window, where JupyterLab draws nothing, may stay without a size
    el.appendChild(image);
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
  const page = new MutationObserver(look);
  page.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  const readouts = [];
  const waiting = setInterval(() => {
    const lab = el.closest(".lc-lab");
    const sliders = lab?.querySelectorAll(".widget-hslider") ?? [];
    if (sliders.length === 0) return;
    clearInterval(waiting);
    // The arrow keys of a control are the control's: JupyterLab would go to another cell.
    lab.querySelectorAll("select, .noUi-handle").forEach((control) => control.setAttribute("data-lm-suppress-shortcuts", "true"));
    sliders.forEach((slider) => readouts.push(name(slider)));
  }, 100);
  return () => {
    clearInterval(waiting);
    [page, ...readouts].forEach((observer) => observer.disconnect());
    model.off("change:png", show);
    model.off("change:alt", say);
  };
}

function name(slider) {
  const [handle, label, readout] = [".noUi-handle", ".widget-label", ".widget-readout"].map((part) => slider.querySelector(part));
  const tell = () => handle.setAttribute("aria-valuetext", readout.textContent);
  handle.setAttribute("aria-label", label.textContent);
  tell();
  const observer = new MutationObserver(tell);
  observer.observe(readout, { childList: true, characterData: true, subtree: true });
  return observer;
}

export default { render };
