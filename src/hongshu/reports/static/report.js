"use strict";
(() => {
  const told = JSON.parse(document.getElementById("hongshu-pictures").textContent);
  const chinese = told.lang === "zh";
  const LETTERS = getComputedStyle(document.body).fontFamily;
  const TEXT = { color: "var(--muted)", fontFamily: LETTERS, fontSize: 12 };
  const NEAR = 28;
  const PRINTED = { wide: [680, 300], little: [325, 180] };

  const short = (value) => {
    const [by, sign] = chinese
      ? value >= 1e8 ? [1e8, "亿"] : value >= 1e4 ? [1e4, "万"] : [1, ""]
      : value >= 1e6 ? [1e6, "M"] : value >= 1e4 ? [1e3, "k"] : [1, ""];
    return (value / by).toLocaleString("en", { maximumSignificantDigits: 3 }) + sign;
  };

  const amounts = (picture, logarithmic) => ({
    type: logarithmic ? "log" : "value",
    min: logarithmic ? picture.floor : 0,
    max: logarithmic ? 10 ** Math.ceil(Math.log10(Math.max(picture.high, picture.floor * 1.01))) : undefined,
    axisLine: { show: false },
    axisTick: { show: false },
    minorTick: { show: false },
    splitNumber: 4,
    splitLine: { lineStyle: { color: "var(--line)" } },
    axisLabel: { ...TEXT, formatter: short, hideOverlap: true },
  });

  const times = (picture, width) => {
    const room = Math.max((picture.until - picture.since) * 0.02, 43_200_000);
    return {
      type: "time",
      min: picture.since - room,
      max: picture.until + room,
      splitNumber: Math.max(2, Math.floor(width / 120)),
      axisLine: { lineStyle: { color: "var(--rail)" } },
      axisTick: { show: false },
      splitLine: { show: false },
      axisLabel: {
        ...TEXT,
        hideOverlap: true,
        formatter: chinese
          ? { year: "{yyyy}年", month: "{M}月", day: "{M}月{d}日", hour: "{HH}:{mm}", minute: "{HH}:{mm}" }
          : { year: "{yyyy}", month: "{MMM}", day: "{d} {MMM}", hour: "{HH}:{mm}", minute: "{HH}:{mm}" },
      },
    };
  };

  const hours = (picture, width) => {
    const steps = [1, 3, 6, 12, 24, 48, 72, 168, 336, 720, 2160, 8760];
    const interval = steps.find((step) => picture.until / step <= width / 80) || 17520;
    return {
      type: "value",
      min: 0,
      max: picture.until,
      interval,
      axisLine: { lineStyle: { color: "var(--rail)" } },
      axisTick: { show: false },
      splitLine: { show: false },
      axisLabel: { ...TEXT, hideOverlap: true, showMaxLabel: picture.until % interval === 0 },
    };
  };

  const above = (points, picture, logarithmic) =>
    logarithmic ? points.map(([x, y, ...rest]) => [x, Math.max(y, picture.floor), ...rest]) : points;

  const still = { silent: true, emphasis: { disabled: true }, animation: false };

  const sizeOf = (picture, little) => {
    const many = picture.dots.length > (little ? 120 : 400);
    return little ? (many ? 3.5 : 5) : many ? 5.5 : 7;
  };

  const dotsOf = (picture, logarithmic, little) =>
    ["circle", "triangle", "rect"].map((symbol, kind) => ({
      ...still,
      id: symbol,
      type: "scatter",
      z: 3,
      symbol,
      symbolSize: sizeOf(picture, little) + (kind === 1 ? 1 : 0),
      data: above(picture.dots.filter((dot) => dot[2] === kind), picture, logarithmic).map((dot) => ({
        value: [dot[0], dot[1]],
        itemStyle: {
          color: dot[3] ? (kind === 1 ? "var(--dark-dot)" : "var(--dot)") : "var(--paper)",
          borderColor: kind === 1 ? "var(--dark-dot)" : "var(--dot)",
          borderWidth: dot[3] ? 0 : 1.4,
          opacity: dot[3] ? 0.75 : 1,
        },
      })),
    }));

  const timeline = (picture, logarithmic, width, little) => ({
    xAxis: times(picture, width),
    yAxis: { ...amounts(picture, logarithmic), ...(logarithmic ? {} : { max: picture.high * 1.04 || 1 }) },
    series: [
      ...dotsOf(picture, logarithmic, little),
      {
        ...still,
        id: "median",
        type: "line",
        z: 4,
        showSymbol: false,
        data: above(picture.median, picture, logarithmic),
        lineStyle: { color: "var(--accent)", width: little ? 1.8 : 2.2 },
        itemStyle: { color: "var(--accent)" },
        markArea: picture.band
          ? {
              ...still,
              itemStyle: { color: "var(--accent)", opacity: 0.1 },
              data: [picture.band.map((edge) => ({ yAxis: logarithmic ? Math.max(edge, picture.floor) : edge }))],
            }
          : undefined,
      },
    ],
  });

  const curves = (picture, logarithmic, width) => ({
    xAxis: hours(picture, width),
    yAxis: amounts(picture, logarithmic),
    series: [
      ...picture.curves.map((curve, place) => ({
        ...still,
        id: `curve${place}`,
        type: "line",
        showSymbol: false,
        data: above(curve.points, picture, logarithmic),
        lineStyle: { color: "var(--dot)", width: 1.2, opacity: 0.6 },
      })),
      {
        ...still,
        id: "usual",
        type: "line",
        z: 4,
        symbol: "circle",
        symbolSize: 7,
        data: above(picture.usual, picture, logarithmic),
        lineStyle: { color: "var(--accent)", width: 2.6 },
        itemStyle: { color: "var(--paper)", borderColor: "var(--accent)", borderWidth: 2 },
      },
    ],
  });

  const spotsOf = (picture) => {
    if (picture.kind === "timeline") {
      return picture.dots
        .map(([x, y, , , title, text, href]) => ({ x, y, title, text, href }))
        .sort((one, other) => one.x - other.x);
    }
    const named = (title, points) =>
      points.map(([x, y]) => ({
        x, y, title, text: `${short(x)} h · ${y.toLocaleString("en", { maximumFractionDigits: 1 })} ${picture.unit}`, href: "",
      }));
    return [
      ...named(picture.usual_title, picture.usual),
      ...picture.curves.flatMap((curve) => named(curve.title, curve.points)),
    ];
  };

  class Picture {
    constructor(box) {
      this.box = box;
      this.name = box.dataset.picture;
      this.told = told.pictures[this.name];
      this.logarithmic = this.told.logarithmic;
      this.little = box.classList.contains("little");
      this.tip = box.querySelector(".tip");
      this.spots = spotsOf(this.told);
      this.at = -1;
      box.hidden = false;
      box.nextElementSibling.remove();
      this.chart = echarts.init(box.querySelector(".canvas"), null, {
        renderer: "svg", useDirtyRect: false, locale: chinese ? "ZH" : "EN",
      });
      this.draw();
      this.listen();
    }

    draw() {
      const make = this.told.kind === "timeline" ? timeline : curves;
      this.chart.setOption(
        {
          animation: false,
          useUTC: true,
          textStyle: { fontFamily: LETTERS },
          grid: { left: 2, right: 14, top: 12, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
          ...make(this.told, this.logarithmic, this.chart.getWidth(), this.little),
        },
        true,
      );
      this.fit();
    }

    fit() {
      const svg = this.box.querySelector("svg");
      svg.setAttribute("viewBox", `0 0 ${this.chart.getWidth()} ${this.chart.getHeight()}`);
      svg.setAttribute("focusable", "false");
    }

    resize(size) {
      this.hide();
      this.chart.resize(size);
      this.draw();
    }

    turn(logarithmic) {
      this.logarithmic = logarithmic;
      this.hide();
      this.draw();
    }

    place(spot) {
      const y = this.logarithmic ? Math.max(spot.y, this.told.floor) : spot.y;
      return this.chart.convertToPixel({ xAxisIndex: 0, yAxisIndex: 0 }, [spot.x, y]);
    }

    nearest(x, y) {
      let best = -1;
      let least = NEAR;
      this.spots.forEach((spot, place) => {
        const [left, top] = this.place(spot);
        const far = Math.hypot(left - x, top - y);
        if (far < least) [best, least] = [place, far];
      });
      return best;
    }

    show(place) {
      if (place < 0) return this.hide();
      if (place === this.at) return undefined;
      this.at = place;
      const spot = this.spots[place];
      const title = document.createElement(spot.href ? "a" : "b");
      if (spot.href) Object.assign(title, { href: spot.href, rel: "noopener noreferrer nofollow", target: "_blank", tabIndex: -1 });
      title.textContent = spot.title;
      const text = document.createElement("span");
      text.textContent = spot.text;
      this.tip.replaceChildren(title, text);
      this.tip.hidden = false;
      const [left, top] = this.place(spot);
      const room = this.box.clientWidth - this.tip.offsetWidth;
      const over = top - this.tip.offsetHeight - 10;
      this.tip.style.left = `${Math.max(0, Math.min(room, left - this.tip.offsetWidth / 2))}px`;
      this.tip.style.top = `${over < -40 ? top + 12 : over}px`;
      this.mark([left, top]);
      return undefined;
    }

    mark(at) {
      this.chart.setOption({
        graphic: [
          {
            id: "mark", type: "circle", silent: true, z: 9, $action: "replace", invisible: !at,
            shape: { cx: at ? at[0] : 0, cy: at ? at[1] : 0, r: 7 },
            style: { fill: "none", stroke: "var(--accent)", lineWidth: 2 },
          },
        ],
      });
    }

    hide() {
      if (this.at < 0) return;
      this.at = -1;
      this.tip.hidden = true;
      this.mark(null);
    }

    listen() {
      const area = this.chart.getZr();
      const pointed = (event) => this.show(this.nearest(event.offsetX, event.offsetY));
      area.on("mousemove", pointed);
      area.on("click", pointed);
      this.box.addEventListener("mouseleave", () => this.hide());
      this.box.addEventListener("blur", () => this.hide());
      this.box.addEventListener("keydown", (event) => this.key(event));
      new ResizeObserver(() => {
        if (this.box.clientWidth && this.box.clientWidth !== this.chart.getWidth() && !printing) this.resize();
      }).observe(this.box);
    }

    key(event) {
      const last = this.spots.length - 1;
      const going = {
        ArrowRight: Math.min(last, this.at + 1), ArrowLeft: Math.max(0, this.at - 1), Home: 0, End: last,
      }[event.key];
      if (going !== undefined) {
        event.preventDefault();
        this.show(going);
      } else if (event.key === "Escape") {
        this.hide();
      } else if (event.key === "Enter" && this.at >= 0) {
        const link = this.tip.querySelector("a");
        if (link) link.click();
      }
    }
  }

  let printing = false;
  const pictures = [...document.querySelectorAll("[data-picture]")].map((box) => new Picture(box));

  const of = (anchor) => pictures.filter(({ name }) => name === anchor || name.startsWith(`${anchor}-`));

  document.querySelectorAll("[data-scale]").forEach((button) => {
    const anchor = button.dataset.scale;
    const name = document.querySelector(`[data-scale-name="${anchor}"]`);
    const say = (logarithmic) => {
      button.textContent = logarithmic ? button.dataset.linear : button.dataset.log;
      name.textContent = logarithmic ? button.dataset.log : button.dataset.linear;
    };
    say(of(anchor).some(({ logarithmic }) => logarithmic));
    button.addEventListener("click", () => {
      const logarithmic = !of(anchor)[0].logarithmic;
      of(anchor).forEach((picture) => picture.turn(logarithmic));
      say(logarithmic);
    });
    button.hidden = false;
  });

  window.addEventListener("beforeprint", () => {
    printing = true;
    pictures.forEach((picture) => {
      const [width, height] = PRINTED[picture.little ? "little" : "wide"];
      picture.resize({ width, height });
    });
  });
  window.addEventListener("afterprint", () => {
    printing = false;
    pictures.forEach((picture) => picture.resize({ width: "auto", height: "auto" }));
  });
})();
