"use strict";
// The operator page. Every text from the server is set as text, never as markup.
(() => {
  const byId = id => document.getElementById(id);
  const SECONDS = 1000;
  const words = text => String(text).replaceAll("_", " ");
  let features = {};
  let view = "overview";
  let reloadAt = 0;

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined && text !== null) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function say(text, isBad) {
    const message = byId("message");
    message.textContent = text;
    message.className = isBad ? "bad" : "";
    if (!isBad) setTimeout(() => { if (message.textContent === text) message.textContent = ""; }, 5 * SECONDS);
  }

  async function call(path, options) {
    const answer = await fetch("api/" + path, { credentials: "same-origin", cache: "no-store", ...options });
    const isJson = (answer.headers.get("Content-Type") || "").startsWith("application/json");
    const body = isJson ? await answer.json() : null;
    if (!answer.ok || answer.redirected || !isJson) {
      throw new Error(body && body.error || (answer.status === 401 || answer.redirected ? "Sign in again." : "The server answered " + answer.status + "."));
    }
    return body;
  }

  const time = text => new Date(text).toISOString().replace("T", " ").slice(0, 19);

  function duration(seconds) {
    if (seconds < 1) return "now";
    if (seconds < 60) return Math.round(seconds) + " s";
    if (seconds < 3600) return Math.floor(seconds / 60) + " min";
    return (seconds / 3600).toFixed(1) + " h";
  }

  // Overview

  function showStatus(status) {
    const rows = [
      ["In flight", status.in_flight], ["Waiting", status.waiting], ["Waiting for a retry", status.parked],
      ["Oldest due", status.oldest_due === undefined ? undefined : duration(status.oldest_due), status.oldest_due > 60],
      ["Dead letters", status.dead_letters, status.dead_letters > 0],
      ["Endpoints", status.endpoints], ["Circuits open", status.open_endpoints, status.open_endpoints > 0],
      ["Isolated", status.isolated_endpoints, status.isolated_endpoints > 0],
      ["Workers", status.workers, status.workers === 0], ["Lanes without a worker", status.unowned_lanes, status.unowned_lanes > 0],
      ["Audit records dropped", status.records_dropped, status.records_dropped > 0], ["Store", status.store_error, true]];
    byId("figures").replaceChildren(...rows.filter(row => row[1] !== undefined).map(([name, value, isBad]) => {
      const figure = element("div");
      figure.append(element("dt", name), element("dd", typeof value === "number" ? value.toLocaleString("en") : value, isBad ? "bad" : ""));
      return figure;
    }));
    showChart(status.activity || []);
  }

  function showChart(minutes) {
    const chart = byId("chart");
    const most = Math.max(1, ...minutes.map(minute => minute.delivered + minute.failed));
    const bars = [];
    minutes.forEach((minute, index) => {
      let top = 120;
      for (const [count, name] of [[minute.delivered, "delivered"], [minute.failed, "failed"]]) {
        if (!count) continue;
        const height = Math.max(1, count / most * 112);
        top -= height;
        const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
        for (const [key, value] of Object.entries({ x: index * 10 + 1, y: top, width: 8, height, class: name })) bar.setAttribute(key, value);
        bars.push(bar);
      }
    });
    chart.replaceChildren(...bars);
    const sum = name => minutes.reduce((total, minute) => total + minute[name], 0).toLocaleString("en");
    byId("chart-text").textContent =
      sum("delivered") + " delivered (blue), " + sum("failed") + " failed (red), most in a minute " + most.toLocaleString("en");
  }

  // Lists

  const STATES = { closed: "good", open: "bad", half_open: "warn", isolated: "bad", success: "good", failure: "bad" };
  const state = value => element("span", words(value), "state " + (STATES[value] || "warn"));

  function button(text, label, act, isDanger) {
    const made = element("button", text, isDanger ? "danger" : "");
    made.type = "button";
    made.setAttribute("aria-label", text + " " + label);
    made.addEventListener("click", act);
    return made;
  }

  function filterLink(text, filters) {
    const link = element("a", text);
    link.href = "#attempts?" + new URLSearchParams(filters);
    return link;
  }

  const lists = {
    endpoints: {
      columns: ["Endpoint", "State", "#Failures", "#In flight", "Last error", "Next probe", "Act"],
      cells: row => [
        features.attempts ? filterLink(row.name, { endpoint: row.name }) : row.name, state(row.state), row.consecutive_failures, row.in_flight,
        row.last_error || "", row.next_probe_in === undefined ? "" : "in " + duration(row.next_probe_in),
        [row.state === "isolated" ? null : button("Isolate", row.name, () => force(row, "isolate"), true),
          row.state === "closed" && !row.consecutive_failures ? null : button("Reset", row.name, () => force(row, "reset"))]],
    },
    attempts: {
      columns: ["Ended (UTC)", "Outcome", "Endpoint", "#Attempt", "Answer", "#Time", "Webhook", "Next attempt"],
      cells: row => [
        time(row.completed_at), state(row.outcome), filterLink(row.breaker_key, { endpoint: row.breaker_key }),
        row.is_attempt ? row.attempt_number + " of " + row.max_attempts : "none", row.error_message || row.http_status_code || "",
        row.response_time_ms + " ms",
        [filterLink(row.idempotency_key, { idempotency_key: row.idempotency_key }), element("br"),
          row.task_id ? filterLink("task " + row.task_id, { task_id: row.task_id }) : null, " ",
          row.notification_type || ""],
        row.next_retry_at ? time(row.next_retry_at) : ""],
    },
    actions: {
      columns: ["Time (UTC)", "Who", "Action", "On", "Reason"],
      cells: row => [time(row.at), row.actor, row.action, row.target, row.reason || ""],
    },
  };
  const shown = { endpoints: [], attempts: [], actions: [] };
  const asks = { endpoints: 0, attempts: 0, actions: 0 };
  let isPaging = false;

  function query(name, after) {
    const parameters = new URLSearchParams();
    const form = document.querySelector("form[data-list=" + name + "]");
    for (const [key, value] of form ? new FormData(form) : []) {
      if (value) parameters.set(key, key === "since" || key === "until" ? value + (value.length === 16 ? ":00Z" : "Z") : value);
    }
    if (after) parameters.set("after", after);
    return name + "?" + parameters;
  }

  async function load(name, after) {
    const ask = ++asks[name];
    isPaging = after !== undefined;
    const page = await call(query(name, after));
    if (ask !== asks[name]) return; // asked again meanwhile
    const rows = Array.isArray(page) ? page : page.items;
    shown[name] = after ? shown[name].concat(rows) : rows;
    render(name, Array.isArray(page) ? { count: rows.length } : page);
  }

  function render(name, page) {
    const { columns, cells } = lists[name];
    const place = document.querySelector("div[data-list=" + name + "]");
    const focused = document.activeElement && place.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    const table = element("table");
    table.append(element("caption", shown[name].length.toLocaleString("en") + " of " + (page.is_estimate ? "about " : "") + page.count.toLocaleString("en")));
    const head = element("tr");
    for (const column of columns) {
      const cell = element("th", column.replace("#", ""), column.startsWith("#") ? "number" : "");
      cell.scope = "col";
      head.append(cell);
    }
    const thead = element("thead");
    thead.append(head);
    const body = element("tbody");
    for (const row of shown[name]) {
      const line = element("tr");
      cells(row).forEach((content, index) => {
        const cell = element("td", null, columns[index].startsWith("#") ? "number" : "");
        cell.dataset.label = columns[index].replace("#", "");
        cell.append(...[content].flat().filter(part => part !== null && part !== "").map(part => part instanceof Node ? part : String(part)));
        line.append(cell);
      });
      body.append(line);
    }
    table.append(thead, body);
    place.replaceChildren(table);
    if (page.next) {
      const more = button("Show more", name, () => load(name, page.next).catch(fault => say(fault.message, true)));
      more.className = "more";
      place.append(more);
    }
    if (focused) [...place.querySelectorAll("[aria-label]")].find(one => one.getAttribute("aria-label") === focused)?.focus();
  }

  // Actions

  function confirm(title, text, yes) {
    const dialog = byId("confirm");
    byId("confirm-title").textContent = title;
    byId("confirm-text").textContent = text;
    byId("confirm-yes").textContent = yes;
    byId("confirm-reason").value = "";
    dialog.returnValue = "no";
    dialog.showModal();
    return new Promise(done => dialog.addEventListener("close",
      () => done(dialog.returnValue === "yes" ? { reason: byId("confirm-reason").value.trim() || null } : null), { once: true }));
  }

  async function force(row, action) {
    const text = action === "isolate"
      ? "No webhook is sent to this endpoint until it is reset."
      : "The circuit closes, and its failures are forgotten. Webhooks are sent at once.";
    const answer = await confirm(words(action[0].toUpperCase() + action.slice(1)) + " " + row.name + "?", text, action === "isolate" ? "Isolate" : "Reset");
    if (!answer) return;
    try {
      await call("endpoints/" + encodeURIComponent(row.id) + "/" + action, {
        method: "POST", headers: { "Content-Type": "application/json", "X-Adcp-Operations": "1" }, body: JSON.stringify(answer) });
      say("Done: " + action + " " + row.name);
      await load("endpoints");
    } catch (fault) {
      say(fault.message, true);
    }
  }

  // Views

  async function show() {
    const [name, filters] = location.hash.slice(1).split("?", 2);
    view = lists[name] ? name : "overview";
    for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== view;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.hash === "#" + view) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
    }
    if (filters !== undefined) {
      const given = new URLSearchParams(filters);
      for (const field of document.querySelector("form[data-list=" + view + "]").elements) field.value = given.get(field.name) || "";
    }
    if (lists[view]) await load(view).catch(fault => say(fault.message, true));
  }

  function changed() {
    // A list that was paged further stays as it is, so that rows do not move under the reader.
    if (!lists[view] || isPaging || document.hidden || byId("confirm").open) return;
    const now = Date.now();
    if (now < reloadAt) return;
    reloadAt = now + SECONDS;
    load(view).catch(() => {});
  }

  function listen() {
    const events = new EventSource("api/events");
    events.addEventListener("status", event => {
      byId("connection").textContent = "Live";
      byId("connection").className = "";
      showStatus(JSON.parse(event.data));
      changed();
    });
    events.addEventListener("error", () => {
      byId("connection").textContent = "Not connected. Trying again.";
      byId("connection").className = "lost";
      if (events.readyState === EventSource.CLOSED) setTimeout(listen, 5 * SECONDS);
    });
  }

  let typing;
  for (const form of document.querySelectorAll("form.filters")) {
    form.addEventListener("submit", event => event.preventDefault());
    form.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => load(form.dataset.list).catch(fault => say(fault.message, true)), 250);
    });
  }
  addEventListener("hashchange", () => show().then(() => byId("main").focus({ preventScroll: true })));
  call("features").then(found => {
    features = found;
    for (const link of document.querySelectorAll("nav a[data-feature]")) link.parentElement.hidden = !features[link.dataset.feature];
    return show();
  }).catch(fault => say(fault.message, true));
  listen();
})();
