// What makes the pages live and quick? Without this file every page still reads and every form still works.
(() => {
  "use strict";
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  let skew = 0; // milliseconds that the server's clock is ahead of this device's

  const now = () => Date.now() + skew;
  const hear = (response) => {
    const date = Date.parse(response.headers.get("Date"));
    if (date) skew = Math.abs(date - Date.now()) > 2000 ? date - Date.now() : 0;
  };
  const span = (s) => s < 10 ? s.toFixed(1) + " s" : s < 60 ? Math.floor(s) + " s"
    : s < 3600 ? Math.floor(s / 60) + " min" : s < 86400 ? Math.floor(s / 3600) + " h" : Math.floor(s / 86400) + " d";
  const iso = (ms, from, to) => new Date(ms).toISOString().slice(from, to);

  function tick() {
    for (const e of all("[data-at]")) {
      const age = Math.max(0, (now() - Date.parse(e.getAttribute("datetime"))) / 1000);
      e.textContent = span(age);
      if (e.dataset.old) e.classList.toggle("is-old", age > +e.dataset.old);
    }
    for (const e of all("[data-clock]")) e.textContent = iso(now(), 11, 19) + " UTC";
    for (const e of all("[data-venue]")) {
      const at = Date.parse(e.dataset.venue) + Math.max(0, now() - Date.parse(e.dataset.wall)) * (+e.dataset.speed || 0);
      e.textContent = iso(at, 0, 16).replace("T", " ");
    }
  }

  // Live parts: each polls its own address; a card is replaced only when it changed and holds no focus.
  function live(root) {
    const every = 1000 * root.dataset.liveEvery;
    const bar = one("[data-stale]", root);
    const seen = new Map();
    let tag = null, heard = Date.now(), failed = 0;
    const place = (html) => {
      const fresh = new DOMParser().parseFromString(html, "text/html");
      for (const card of all("[data-card]", fresh)) {
        const key = card.dataset.card, text = card.outerHTML, old = one(`[data-card="${key}"]`, root);
        if (!old || seen.get(key) === text || old.contains(document.activeElement)) continue;
        seen.set(key, text);
        old.replaceWith(document.adoptNode(card));
      }
    };
    const stale = () => {
      if (!bar) return;
      const silent = failed >= 3;
      root.classList.toggle("not-live", silent);
      bar.hidden = !silent;
      if (silent) bar.textContent = bar.dataset.text
        .replace("{age}", span((Date.now() - heard) / 1000)).replace("{at}", iso(heard + skew, 11, 19));
    };
    const poll = async () => {
      if (document.hidden) return;
      try {
        const headers = tag ? { "If-None-Match": tag } : {};
        const answer = await fetch(root.dataset.live, { headers, cache: "no-store", redirect: "error", signal: AbortSignal.timeout(4000) });
        hear(answer);
        if (answer.status === 200) { place(await answer.text()); tag = answer.headers.get("ETag"); }
        else if (answer.status !== 304) throw new Error(answer.status);
        failed = 0; heard = Date.now();
        if (answer.headers.get("X-CRS-Done")) clearInterval(timer);
      } catch { failed += 1; }
      stale(); tick();
    };
    const timer = setInterval(poll, every);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
  }

  // Holding: pointer, touch, Space and Enter; letting go early cancels. Without scripts a check box and a button do it.
  function hold(form) {
    form.classList.add("js");
    const button = one("[data-hold]", form), label = one(".hold-l", button), sure = one("[name=sure]", form);
    const say = (key) => { label.textContent = button.dataset[key]; };
    let timer = null, sent = false;
    say("rest");
    sure.required = false;
    const start = (event) => {
      if (timer || sent || event.repeat || (event.key && event.key !== " " && event.key !== "Enter")) return;
      event.preventDefault();
      button.focus();
      if (!form.reportValidity()) { one(".chips", form)?.scrollIntoView({ block: "center" }); return; }
      button.classList.add("holding");
      say("keep");
      timer = setTimeout(() => { timer = null; sent = true; button.classList.remove("holding"); say("sent"); sure.checked = true; form.requestSubmit(); }, +button.dataset.hold);
    };
    const stop = () => {
      if (!timer) return;
      clearTimeout(timer);
      timer = null;
      button.classList.remove("holding");
      say("rest");
    };
    for (const name of ["pointerdown", "keydown"]) button.addEventListener(name, start);
    for (const name of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) button.addEventListener(name, stop);
    button.addEventListener("click", (event) => { if (!sent) event.preventDefault(); });
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    addEventListener("pageshow", (event) => { if (event.persisted) { sent = false; sure.checked = false; say("rest"); } });
    const preview = () => {
      const chosen = one("input[name=scope]:checked", form), kept = one("input[name=positions]:checked", form);
      if (!chosen) return;
      for (const key of ["name", "sessions", "orders", "positions"]) for (const e of all(`[data-f=${key}]`, form)) e.textContent = chosen.dataset[key];
      for (const e of all("[data-f=kept]", form)) e.textContent = kept?.dataset.word ?? "";
    };
    for (const input of all("input[name=scope]", form)) input.addEventListener("change", () => {
      const usual = one(`input[name=positions][value=${input.dataset.usual}]`, form);
      if (usual) usual.checked = true;
      preview();
    });
    for (const input of all("input[name=positions]", form)) input.addEventListener("change", preview);
    preview();
    one("input[name=scope]:checked", form)?.closest(".choice").scrollIntoView({ block: "nearest" });
  }

  // The field that finds anything; on a narrow screen it stands in the menu, which opens for it.
  function seek(event) {
    const field = one("[data-seek]");
    if (!field) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // the theme hears both keys too: its search knows no row, its list one kind
    if (!field.getClientRects().length) one("#side").showPopover();
    field.focus();
    field.select();
  }

  // Keys: g and a letter jumps, j and k walk a list, / and Ctrl K find, ? explains. No key ever changes anything.
  function keys() {
    if (!one("[data-shortcuts]")) return;
    const go = { c: "/admin/", k: "/kill/", s: "/admin/guardian/symbol/", j: "/admin/ledger/journal/", h: "/health/" };
    const command = (event) => event.ctrlKey || event.metaKey || event.altKey;
    const types = (event) => event.target.isContentEditable || /^(input|textarea|select)$/i.test(event.target.tagName);
    let g = 0;
    addEventListener("keydown", (event) => {
      if (command(event) ? event.key === "k" && !event.altKey : event.key === "/" && !types(event)) seek(event);
    }, true);
    addEventListener("keydown", (event) => {
      if (command(event) || types(event)) return;
      if (event.key === "?") one("#shortcuts")?.showModal();
      else if (event.key === "g") g = Date.now();
      else if (Date.now() - g < 900 && go[event.key]) location.assign(go[event.key]);
      else if (event.key === "j" || event.key === "k") {
        const rows = all(".todo-t a, .t tbody th a, .hits a, #result_list tbody th a");
        const at = rows.indexOf(document.activeElement);
        const next = rows[event.key === "j" ? Math.min(at + 1, rows.length - 1) : Math.max(at - 1, 0)];
        if (next) { next.focus(); event.preventDefault(); }
      }
    });
  }

  function theme(form) {
    const store = "adminTheme", read = () => { try { return JSON.parse(localStorage.getItem(store) || '"auto"'); } catch { return "auto"; } };
    form.hidden = false;
    for (const input of all("input", form)) {
      input.checked = input.value === read();
      input.addEventListener("change", () => {
        localStorage.setItem(store, JSON.stringify(input.value));
        document.documentElement.classList.remove("light", "dark");
        if (input.value !== "auto") document.documentElement.classList.add(input.value);
      });
    }
  }

  // Copying an amount gives it exactly, without groups and with its asset.
  addEventListener("copy", (event) => {
    const whose = (node) => (node?.nodeType === 1 ? node : node?.parentElement)?.closest("[data-copy]");
    const chosen = getSelection(), amount = whose(chosen.anchorNode);
    if (!amount || amount !== whose(chosen.focusNode)) return;
    event.clipboardData.setData("text/plain", amount.dataset.copy);
    event.preventDefault();
  });

  addEventListener("DOMContentLoaded", () => {
    tick();
    setInterval(tick, 500);
    all("[data-live]").forEach(live);
    all("[data-kill]").forEach(hold);
    all("[data-theme]").forEach(theme);
    keys();
    for (const button of all("[data-copy-of]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(one(button.dataset.copyOf).textContent);
        button.textContent = button.dataset.done;
      });
    }
    for (const button of all("[data-print]")) { button.hidden = false; button.addEventListener("click", () => print()); }
  });
})();
