/* [what, ratio, wanted] of each visible text, field border and placeholder; WCAG 2.2, 1.4.3 and 1.4.11. */
() => {
  const parse = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const linear = (value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  const luminance = ([red, green, blue]) =>
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const ratio = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  const root = document.querySelector("dialog[open]") || document.body;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), element = walker.currentNode.parentElement;
    const unseen = element.closest(".unseen, .skip, script, noscript, option") || !element.checkVisibility();
    if (!text || unseen) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    found.push([text.slice(0, 40), ratio(parse(style.color), behind(element)), large ? 3 : 4.5]);
  }
  for (const field of root.querySelectorAll("input:not([type=checkbox]), textarea, select")) {
    if (!field.checkVisibility()) continue;
    const border = parse(getComputedStyle(field).borderTopColor);
    const placeholder = parse(getComputedStyle(field, "::placeholder").color);
    found.push(["border of " + field.id, ratio(border, behind(field.parentElement)), 3]);
    found.push(["placeholder of " + field.id, ratio(placeholder, behind(field)), 4.5]);
  }
  return found;
}
