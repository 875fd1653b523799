"use strict";
// Zoom by dragging over the steps, back by a double click; values under the pointer; branches by their rows.
document.documentElement.classList.add("js");
const num = v => Number(v), SVG = "http://www.w3.org/2000/svg";
function points(path) {
	return path.getAttribute("d").replace(/z$/, "").split(/[ML ]+/).filter(Boolean).map(p => p.split(",").map(num));
}
function value(panel, y) {
	const d = panel.dataset, size = num(d.size), y0 = num(d.y0), y1 = num(d.y1), t = (size - y) / size;
	return d.log === "1" ? y0 * Math.pow(y1 / y0, t) : y0 + t * (y1 - y0);
}
function nearest(pts, x) {
	let lo = 0, hi = pts.length - 1;
	while (lo < hi) { const mid = (lo + hi) >> 1; if (pts[mid][0] < x) lo = mid + 1; else hi = mid; }
	return lo > 0 && Math.abs(pts[lo - 1][0] - x) < Math.abs(pts[lo][0] - x) ? pts[lo - 1] : pts[lo];
}
function round(step) {
	const e = Math.pow(10, Math.floor(Math.log10(step)));
	return e * [1, 2, 5, 10].find(k => k * e >= step);
}
document.querySelectorAll("svg.fig").forEach(svg => {
	const left = num(svg.dataset.left), width = num(svg.dataset.width), X0 = num(svg.dataset.x0), X1 = num(svg.dataset.x1);
	let x0 = X0, x1 = X1, start = null;
	const tip = svg.parentNode.appendChild(document.createElement("div")), cache = new Map();
	tip.className = "tip";
	const hair = svg.appendChild(document.createElementNS(SVG, "path")), sel = svg.appendChild(document.createElementNS(SVG, "rect"));
	hair.setAttribute("class", "hair"); sel.setAttribute("class", "sel");
	const height = svg.viewBox.baseVal.height - 26, at = e => {
		const box = svg.getBoundingClientRect();
		return Math.min(Math.max((e.clientX - box.left) * svg.viewBox.baseVal.width / box.width - left, 0), width);
	};
	function show() {
		const k = (X1 - X0) / (x1 - x0), shift = -(x0 - X0) / (X1 - X0) * width * k;
		svg.querySelectorAll("g.z").forEach(g => g.setAttribute("transform", `matrix(${k} 0 0 1 ${shift} 0)`));
		const steps = svg.querySelector("g.steps"), y = steps.querySelector("text")?.getAttribute("y") || height, by = round((x1 - x0) / 10);
		steps.textContent = "";
		for (let v = Math.ceil(x0 / by) * by; v <= x1; v += by) {
			const t = steps.appendChild(document.createElementNS(SVG, "text"));
			t.setAttribute("class", "tick x"); t.setAttribute("x", left + (v - x0) / (x1 - x0) * width); t.setAttribute("y", y);
			t.textContent = Math.round(v * 1e6) / 1e6;
		}
	}
	function values(px) {
		const step = x0 + px / width * (x1 - x0), raw = (step - X0) / (X1 - X0) * width, lines = ["step " + Math.round(step)];
		svg.querySelectorAll("g.panel").forEach(panel => panel.querySelectorAll("path.loss, path.val, path.index, path.minor, path.b.control, path.b.chosen, path.b.on").forEach(p => {
			if (!cache.has(p)) cache.set(p, points(p));
			const q = nearest(cache.get(p), raw);
			if (q && Math.abs(q[0] - raw) < width / 50)
				lines.push((p.dataset.b || (p.classList.contains("val") ? "held-out" : panel.dataset.name)) + " " + value(panel, q[1]).toPrecision(5));
		}));
		return lines.slice(0, 14).join("\n");
	}
	svg.addEventListener("pointermove", e => {
		const px = at(e);
		hair.setAttribute("d", `M${left + px},8V${height}`);
		tip.textContent = values(px);
		const box = svg.getBoundingClientRect(), x = (left + px) * box.width / svg.viewBox.baseVal.width;
		tip.style.left = (x > box.width / 2 ? x - tip.offsetWidth - 12 : x + 12) + "px";
		if (start !== null) {
			sel.setAttribute("x", left + Math.min(start, px)); sel.setAttribute("y", 8);
			sel.setAttribute("width", Math.abs(px - start)); sel.setAttribute("height", height - 8);
		}
	});
	svg.addEventListener("pointerleave", () => { hair.removeAttribute("d"); tip.textContent = ""; });
	svg.addEventListener("pointerdown", e => { if (e.button === 0) start = at(e); });
	window.addEventListener("pointerup", e => {
		if (start === null) return;
		const end = at(e), a = Math.min(start, end), b = Math.max(start, end), span = x1 - x0;
		start = null; sel.setAttribute("width", 0);
		if (b - a > 6) { const o = x0; x0 = o + a / width * span; x1 = o + b / width * span; show(); }
	});
	svg.addEventListener("dblclick", () => { x0 = X0; x1 = X1; show(); });
});
document.querySelectorAll("tr[data-b]").forEach(row => {
	const paths = [...document.querySelectorAll("path.b")].filter(p => p.dataset.b === row.dataset.b || p.dataset.b.startsWith(row.dataset.b + "."));
	const box = row.querySelector("input");
	row.addEventListener("pointerenter", () => paths.forEach(p => p.classList.add("on")));
	row.addEventListener("pointerleave", () => paths.forEach(p => p.classList.remove("on")));
	if (box) box.addEventListener("change", () => paths.forEach(p => p.classList.toggle("off", !box.checked)));
});
