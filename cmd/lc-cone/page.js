"use strict";
// Zoom by dragging over the steps, back by a double click; values under the pointer; branches by their rows.
document.documentElement.classList.add("js");
const num = Number, SVG = "http://www.w3.org/2000/svg";
const node = (in_, name, attrs, text) => {
	const n = in_.appendChild(document.createElementNS(SVG, name));
	for (const k in attrs) n.setAttribute(k, attrs[k]);
	if (text !== undefined) n.textContent = text;
	return n;
};
const button = (in_, text, label, fn) => {
	const b = in_.appendChild(document.createElement("button"));
	b.type = "button"; b.textContent = text; b.setAttribute("aria-label", label); b.addEventListener("click", fn);
	return b;
};
const points = path => path.getAttribute("d").split(/[ML ]+/).filter(Boolean).map(p => p.split(",").map(num));
function nearest(pts, x) {
	let lo = 0, hi = pts.length - 1;
	while (lo < hi) { const mid = (lo + hi) >> 1; if (pts[mid][0] < x) lo = mid + 1; else hi = mid; }
	return lo > 0 && Math.abs(pts[lo - 1][0] - x) < Math.abs(pts[lo][0] - x) ? pts[lo - 1] : pts[lo];
}
function round(step) {
	const e = Math.pow(10, Math.floor(Math.log10(step)));
	return e * [1, 2, 5, 10].find(k => k * e >= step * .999);
}
function ticks(lo, hi, n) {
	const by = round((hi - lo) / n), out = [];
	for (let v = Math.ceil(lo / by) * by; v <= hi && out.length < 40; v += by) out.push(Math.round(v / by) * by);
	return out;
}
const text = v => String(num(v.toPrecision(6)));
class Panel { // its values go from y0 to y1 as drawn; a, b: the pixels that a zoom shows from its top to its bottom
	constructor(g) {
		const d = g.dataset;
		this.g = g; this.name = d.name; this.y0 = num(d.y0); this.y1 = num(d.y1); this.log = d.log === "1"; this.scale = d.ticks === "1"; this.top = num(d.top); this.size = num(d.size);
		this.a = 0; this.b = this.size;
		this.z = g.querySelector("g.z"); this.ticks = g.querySelector("g.ticks");
		this.first = this.ticks.cloneNode(true);
		this.curves = [...g.querySelectorAll("path.loss, path.val, path.index, path.minor, path.b:not(.mark)")].filter(p => this.z.contains(p));
		this.fitted = [...this.curves, ...this.z.querySelectorAll("path.left")];
		this.scale = this.scale && !g.querySelector(".limit"); // an index is read against its limit
	}
	value(px) { const t = 1 - px / this.size; return this.log ? this.y0 * Math.pow(this.y1 / this.y0, t) : this.y0 + t * (this.y1 - this.y0); }
	place(v) { return this.size * (1 - (this.log ? Math.log(v / this.y0) / Math.log(this.y1 / this.y0) : (v - this.y0) / (this.y1 - this.y0))); }
	fit(from, to, points) { // what the curves show between two pixels of the steps
		let a = Infinity, b = -Infinity;
		for (const p of this.fitted) if (!p.classList.contains("off")) for (const [x, y] of points(p))
			if (x >= from && x <= to && y >= 0 && y <= this.size) { a = Math.min(a, y); b = Math.max(b, y); }
		const room = Math.max((b - a) * .06, this.size / 200);
		if (a <= b) { this.a = a - room; this.b = b + room; }
	}
	show(k, shift, left, width) {
		const ky = this.size / (this.b - this.a);
		this.z.setAttribute("transform", `matrix(${k} 0 0 ${ky} ${shift} ${-this.a * ky})`);
		this.ticks.textContent = "";
		if (k === 1 || !this.scale) { this.ticks.append(...this.first.cloneNode(true).childNodes); return; }
		const lo = this.value(this.b), hi = this.value(this.a);
		for (const v of ticks(lo, hi, this.size < 120 ? 2 : 5)) {
			if (this.log && v <= 0) continue;
			const at = this.top + (this.place(v) - this.a) * ky;
			node(this.ticks, "path", {class: "grid", d: `M${left},${at}h${width}`});
			node(this.ticks, "text", {class: "tick y", x: left - 6, y: at + 4}, text(v));
		}
	}
}
function figure(svg) {
	const d = svg.dataset, left = num(d.left), width = num(d.width), X0 = num(d.x0), X1 = num(d.x1), box = svg.parentNode;
	const cache = new Map(), panels = [...svg.querySelectorAll("g.panel")].map(g => new Panel(g));
	const pts = p => { if (!cache.has(p)) cache.set(p, points(p)); return cache.get(p); };
	const steps = svg.querySelector("g.steps"), height = num(steps.dataset.y) - 18;
	const tip = box.appendChild(document.createElement("div"));
	const hair = node(svg, "path", {class: "hair"}), sel = node(svg, "rect", {class: "sel"});
	let x0 = X0, x1 = X1, start = null;
	tip.className = "tip";
	const at = e => {
		const r = svg.getBoundingClientRect();
		return Math.min(Math.max((e.clientX - r.left) * svg.viewBox.baseVal.width / r.width - left, 0), width);
	};
	function show() {
		const k = (X1 - X0) / (x1 - x0), from = (x0 - X0) / (X1 - X0) * width, to = (x1 - X0) / (X1 - X0) * width;
		for (const p of panels) {
			p.a = 0; p.b = p.size;
			if (k !== 1 && p.scale) p.fit(from, to, pts);
			p.show(k, -from * k, left, width);
		}
		steps.textContent = "";
		for (const v of ticks(x0, x1, width > 600 ? 10 : 4))
			node(steps, "text", {class: "tick x", x: left + (v - x0) / (x1 - x0) * width, y: steps.dataset.y}, String(Math.round(v * 1e6) / 1e6));
		svg.querySelectorAll(".flags text").forEach(t => {
			const x = (num(t.dataset.x) - from) * k;
			t.setAttribute("x", left + x + (t.classList.contains("end") ? -4 : 4));
			t.classList.toggle("off", x < 0 || x > width);
		});
	}
	function go(a, b) { x0 = Math.max(X0, a); x1 = Math.min(X1, b); if (!(x1 - x0 > (X1 - X0) * 1e-5)) { x0 = X0; x1 = X1; } show(); }
	function values(px) {
		const step = x0 + px / width * (x1 - x0), raw = (step - X0) / (X1 - X0) * width, lines = ["step " + Math.round(step)];
		for (const panel of panels) for (const p of panel.curves) {
			const branch = p.dataset.b;
			if (branch && !(p.classList.contains("control") || p.classList.contains("chosen") || p.classList.contains("on")) || p.classList.contains("off")) continue;
			const q = pts(p).length && nearest(pts(p), raw);
			if (q && Math.abs(q[0] - raw) < width / (X1 - X0) * (x1 - x0) / 40)
				lines.push((branch || (p.classList.contains("val") ? "held-out loss" : panel.name)) + " " + text(panel.value(q[1])));
		}
		return lines.slice(0, 18).join("\n");
	}
	svg.addEventListener("pointermove", e => {
		const px = at(e), r = svg.getBoundingClientRect(), x = (left + px) * r.width / svg.viewBox.baseVal.width;
		hair.setAttribute("d", `M${left + px},8V${height}`);
		tip.textContent = values(px);
		tip.style.left = (x > r.width / 2 ? x - tip.offsetWidth - 12 : x + 12) + "px";
		if (start !== null) {
			sel.setAttribute("x", left + Math.min(start, px)); sel.setAttribute("y", 8);
			sel.setAttribute("width", Math.abs(px - start)); sel.setAttribute("height", height - 8);
		}
	});
	svg.addEventListener("pointerleave", () => { hair.removeAttribute("d"); tip.textContent = ""; });
	svg.addEventListener("pointerdown", e => { if (e.button === 0 && e.pointerType !== "touch") start = at(e); });
	window.addEventListener("pointerup", e => {
		if (start === null) return;
		const end = at(e), a = Math.min(start, end), b = Math.max(start, end), span = x1 - x0, o = x0;
		start = null; sel.setAttribute("width", 0);
		if (b - a > 6) go(o + a / width * span, o + b / width * span);
	});
	svg.addEventListener("dblclick", () => go(X0, X1));
	return {svg, go, zoom: k => { const mid = (x0 + x1) / 2, h = (x1 - x0) / 2 * k; go(mid - h, mid + h); }, move: k => { const s = (x1 - x0) * k; if (x0 + s >= X0 && x1 + s <= X1) go(x0 + s, x1 + s); }, all: () => go(X0, X1)};
}
document.querySelectorAll(".figure").forEach(box => {
	const figures = [...box.querySelectorAll("svg.fig")].map(figure), each = fn => () => figures.forEach(fn);
	if (!figures.length) return;
	const bar = box.appendChild(document.createElement("div"));
	bar.className = "zoom";
	button(bar, "\u2190", "earlier steps", each(f => f.move(-.5)));
	button(bar, "+", "zoom in", each(f => f.zoom(.5)));
	button(bar, "\u2212", "zoom out", each(f => f.zoom(2)));
	button(bar, "\u2192", "later steps", each(f => f.move(.5)));
	button(bar, "all", "all steps", each(f => f.all()));
});
document.querySelectorAll("tr[data-b]").forEach(row => {
	let paths;
	const each = fn => { paths = paths || [...document.querySelectorAll("path.b")].filter(p => p.dataset.b === row.dataset.b || p.dataset.b.startsWith(row.dataset.b + ".")); paths.forEach(fn); };
	row.addEventListener("pointerenter", () => each(p => p.classList.add("on")));
	row.addEventListener("pointerleave", () => each(p => p.classList.remove("on")));
	row.querySelector("input")?.addEventListener("change", e => each(p => p.classList.toggle("off", !e.target.checked)));
});
document.querySelectorAll("table.sort thead th").forEach(th => {
	const name = th.textContent, body = th.closest("table").tBodies[0];
	th.textContent = "";
	button(th, name, "sort by " + name, () => {
		const up = th.getAttribute("aria-sort") === "descending", key = row => row.cells[th.cellIndex].textContent;
		th.parentNode.querySelectorAll("th").forEach(t => t.removeAttribute("aria-sort"));
		th.setAttribute("aria-sort", up ? "ascending" : "descending");
		const number = th.classList.contains("n"), rows = [...body.rows];
		rows.sort((a, b) => {
			const x = key(a), y = key(b);
			if (!x !== !y) return x ? -1 : 1; // what has none is last, either way
			return (number ? num(x) - num(y) : x.localeCompare(y)) * (up ? 1 : -1);
		});
		body.append(...rows);
	});
});
document.querySelectorAll("pre code").forEach(code => {
	const b = button(code.parentNode, "copy", "copy: " + code.textContent, () => {
		const done = () => { b.textContent = "copied"; setTimeout(() => { b.textContent = "copy"; }, 1500); };
		const by_hand = () => { getSelection().selectAllChildren(code); };
		navigator.clipboard ? navigator.clipboard.writeText(code.textContent).then(done, by_hand) : by_hand();
	});
});
