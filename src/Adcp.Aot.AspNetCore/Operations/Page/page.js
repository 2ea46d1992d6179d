"use strict";
// The operator page. Every text from the server is set as text, never as markup.
(() => {
  const byId = id => document.getElementById(id);
  const SECONDS = 1000;
  const words = text => String(text).replaceAll("_", " ");
  let features = {};
  let view = "overview";
  let isDurable = false;
  let pause;

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

  const post = (path, body) => call(path, {
    method: "POST", headers: { "Content-Type": "application/json", "X-Adcp-Operations": "1" }, body: JSON.stringify(body) });

  const time = text => new Date(text).toISOString().replace("T", " ").slice(0, 19);

  const about = (count, isEstimate) => (isEstimate ? "about " : "") + count.toLocaleString("en");

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
      ["Results fenced off", status.fenced_off, status.fenced_off > 0],
      ["Endpoints", status.endpoints], ["Circuits open", status.open_endpoints, status.open_endpoints > 0],
      ["Isolated", status.isolated_endpoints, status.isolated_endpoints > 0],
      ["Workers", status.workers, status.workers === 0], ["Lanes without a worker", status.unowned_lanes, status.unowned_lanes > 0],
      ["Audit records dropped", status.records_dropped, status.records_dropped > 0], ["Store", status.store_error, true]];
    byId("figures").replaceChildren(...rows.filter(row => row[1] !== undefined).map(([name, value, isBad]) => {
      const figure = element("div");
      figure.append(element("dt", name), element("dd", typeof value === "number" ? value.toLocaleString("en") : value, isBad ? "bad" : ""));
      return figure;
    }));
    isDurable = status.is_durable;
    pause = status.pause;
    showPause();
    byId("reasons").replaceChildren(...(status.dead_by_reason || []).map(({ reason, count, is_estimate }) =>
      filterLink(words(reason) + ": " + about(count, is_estimate), { reason }, "dead-letters")));
    showChart(status.activity || []);
  }

  const by = stop => "since " + time(stop.since) + " by " + stop.actor + (stop.reason ? ": " + stop.reason : "");

  function showPause() {
    const place = byId("pause");
    const isFocused = place.contains(document.activeElement);
    place.replaceChildren(...!features.pause ? [] : pause
      ? [element("span", "paused", "state bad"), " " + by(pause) + " ", button("Resume", "all deliveries", () => forceAll("resume"))]
      : [button("Pause", "all deliveries", () => forceAll("pause"), true)]);
    if (isFocused) place.querySelector("button")?.focus();
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

  const STATES = {
    closed: "good", open: "bad", half_open: "warn", isolated: "bad", success: "good", failure: "bad",
    delivered: "good", undelivered: "bad", working: "good", lost: "bad", running: "warn", done: "good", failed: "bad",
  };
  const state = value => element("span", words(value), "state " + (STATES[value] || "warn"));

  function button(text, label, act, isDanger) {
    const made = element("button", text, isDanger ? "danger" : "");
    made.type = "button";
    made.setAttribute("aria-label", text + " " + label);
    made.addEventListener("click", act);
    return made;
  }

  function filterLink(text, filters, to = "attempts") {
    const link = element("a", text);
    link.href = "#" + to + "?" + new URLSearchParams(filters);
    return link;
  }

  function joined(nodes) {
    const made = element("span");
    nodes.forEach((node, i) => made.append(i ? ", " : "", node));
    return made;
  }

  const lists = {
    endpoints: {
      columns: ["Endpoint", "State", "#Failures", "#In flight", "#Backlog", "Last error", "Next probe", "Act"],
      cells: row => [
        features.attempts ? filterLink(row.name, { endpoint: row.name }) : row.name,
        [state(row.state || "unknown"), row.isolation ? [element("br"), by(row.isolation)] : null].flat(), row.consecutive_failures, row.in_flight,
        row.backlog === undefined ? "" : row.backlog.toLocaleString("en") + (row.backlog < 10000 ? "" : "+"), row.last_error || "", row.next_probe_in === undefined ? "" : "in " + duration(row.next_probe_in),
        [row.state === "isolated" ? null : button("Isolate", row.name, () => force(row, "isolate"), true),
          row.state === "closed" && !row.consecutive_failures ? null : button("Reset", row.name, () => force(row, "reset")),
          features.dead_letters ? element("br") : null,
          features.dead_letters ? filterLink("Dead letters", { endpoint_id: row.id }, "dead-letters") : null]],
    },
    attempts: {
      columns: ["Ended (UTC)", "Outcome", "Endpoint", "#Attempt", "Answer", "#Time", "Webhook", "Next attempt"],
      cells: row => [
        time(row.completed_at), state(row.outcome), filterLink(row.breaker_key, { endpoint: row.breaker_key }),
        row.is_attempt ? row.attempt_number + " of " + row.max_attempts : "none", row.error_message || row.http_status_code || "",
        row.response_time_ms + " ms",
        [filterLink(row.idempotency_key, { key: row.idempotency_key }, "delivery"), element("br"),
          row.task_id ? filterLink("task " + row.task_id, { task_id: row.task_id }) : null, " ",
          row.notification_type || ""],
        row.next_retry_at ? time(row.next_retry_at) : ""],
    },
    "dead-letters": {
      columns: ["Ended (UTC)", "Reason", "Receiver", "Tenant", "#Attempts", "Webhook", "Redrive", "Act"],
      cells: row => [
        time(row.ended_at), [element("span", words(row.reason), "state bad"), row.status_code ? " " + row.status_code : ""],
        filterLink(row.authority || "unreadable", { endpoint_id: row.endpoint_id }, "dead-letters"),
        row.tenant === undefined ? "" : filterLink(row.tenant, { tenant: row.tenant }, "dead-letters"), row.attempts,
        [filterLink(row.idempotency_key || "letter " + row.id, { key: row.idempotency_key || "", dead_letter: row.id }, "delivery"),
          row.task_id ? [element("br"), "task " + row.task_id] : null,
          row.notification_type ? [element("br"), filterLink(row.notification_type, { notification_type: row.notification_type }, "dead-letters")] : null].flat(),
        chance(row),
        [button("Redrive", "letter " + row.id, () => redrive({ ids: [row.id] }, "dead letter " + row.id)),
          button("Discard", "letter " + row.id, () => discard({ ids: [row.id] }, "dead letter " + row.id), true)]],
    },
    workers: {
      rows: page => {
        const free = page.unowned_lanes;
        byId("lanes").textContent = free.length ? "Lanes without a worker, whose webhooks wait: " + free.join(", ") : "Each of the 64 lanes has a worker.";
        return page.workers;
      },
      columns: ["Name", "State", "#Lanes", "Lease", "Owned lanes"],
      cells: row => [
        row.name + (row.is_here ? " (this process)" : ""), state(row.lease_left <= 0 ? "lost" : row.is_draining ? "draining" : "working"),
        row.lanes.length, row.lease_left <= 0 ? "ended" : duration(row.lease_left), ranges(row.lanes)],
    },
    actions: {
      columns: ["Time (UTC)", "Actor", "Action", "On", "Reason"],
      cells: row => [time(row.at), row.actor, row.action, row.target, row.reason || ""],
    },
  };
  const shown = {};
  const asks = {};
  const isPaged = {}; // more rows than the first page are shown, or asked for

  const chance = row => row.is_inside_horizon ? "same key" : row.is_repeatable ? "new key only" : "not possible";

  // 0,1,2,5 is 0-2, 5.
  function ranges(numbers) {
    const parts = [];
    for (const number of numbers) {
      const last = parts[parts.length - 1];
      if (last && last[1] === number - 1) last[1] = number; else parts.push([number, number]);
    }
    return parts.map(([from, to]) => from === to ? from : from + "-" + to).join(", ");
  }

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
    const ask = asks[name] = (asks[name] || 0) + 1;
    const wasPaged = isPaged[name];
    isPaged[name] = after !== undefined;
    let page;
    try {
      page = await call(query(name, after), { signal: AbortSignal.timeout(30 * SECONDS) });
    } catch (fault) {
      if (ask === asks[name]) isPaged[name] = wasPaged;
      throw fault.name === "TimeoutError" ? new Error("The server did not answer in 30 seconds.") : fault;
    }
    if (ask !== asks[name]) return; // asked again meanwhile
    const rows = lists[name].rows ? lists[name].rows(page) : Array.isArray(page) ? page : page.items;
    shown[name] = after ? shown[name].concat(rows) : rows;
    render(name, page.items ? page : { count: rows.length });
  }

  function tableOf(caption, columns, lines) {
    const table = element("table");
    table.append(element("caption", caption));
    const head = element("tr");
    for (const column of columns) {
      const cell = element("th", column.replace("#", ""), column.startsWith("#") ? "number" : "");
      cell.scope = "col";
      head.append(cell);
    }
    const thead = element("thead");
    thead.append(head);
    const body = element("tbody");
    for (const cells of lines) {
      const line = element("tr");
      cells.forEach((content, index) => {
        const cell = element("td", null, columns[index].startsWith("#") ? "number" : "");
        cell.dataset.label = columns[index].replace("#", "");
        const parts = [content].flat().filter(part => part !== null && part !== "").map(part => part instanceof Node ? part : String(part));
        if (parts.length) {
          const inner = element("div");
          inner.append(...parts);
          cell.append(inner);
        }
        line.append(cell);
      });
      body.append(line);
    }
    table.append(thead, body);
    return table;
  }

  // The label of the focused element in a place whose content is replaced, so that its successor gets the focus.
  const focusIn = place => document.activeElement && place.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;

  function focusAgain(place, label) {
    if (!label || place.contains(document.activeElement)) return;
    ([...place.querySelectorAll("[aria-label]")].find(one => one.getAttribute("aria-label") === label) || byId("main")).focus({ preventScroll: true });
  }

  function render(name, page) {
    const place = document.querySelector("div[data-list=" + name + "]");
    const focused = focusIn(place);
    const caption = shown[name].length.toLocaleString("en") + " of " + about(page.count, page.is_estimate);
    place.replaceChildren(tableOf(caption, lists[name].columns, shown[name].map(lists[name].cells)));
    const ask = after => load(name, after).catch(fault => say(fault.message, true));
    if (isPaged[name]) {
      const note = element("p", "Not live since " + time(Date.now()) + " UTC, because more rows are shown.", "paused");
      note.append(button("Show the newest", name, () => ask()));
      place.prepend(note);
    }
    if (page.next) {
      const more = button("Show more", name, () => ask(page.next));
      more.className = "more";
      place.append(more);
    }
    focusAgain(place, focused);
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
      ? isDurable
        ? "No webhook is sent to this endpoint until it is reset. Its webhooks wait in the outbox, for their retry horizon at most."
        : "No webhook is sent to this endpoint until it is reset. Its deliveries end as circuit open."
      : "The circuit closes, and its failures are forgotten. Webhooks are sent at once.";
    const answer = await confirm(words(action[0].toUpperCase() + action.slice(1)) + " " + row.name + "?", text, action === "isolate" ? "Isolate" : "Reset");
    if (!answer) return;
    try {
      await post("endpoints/" + encodeURIComponent(row.id) + "/" + action, answer);
      say("Done: " + action + " " + row.name);
      await load("endpoints");
    } catch (fault) {
      say(fault.message, true);
    }
  }

  async function forceAll(action) {
    const text = action === "pause"
      ? "No worker starts an attempt until deliveries are resumed. Webhooks are still enqueued, and their retry horizon continues."
      : "Workers deliver again. Endpoints that are isolated stay isolated.";
    const verb = action === "pause" ? "Pause" : "Resume";
    const answer = await confirm(verb + " all deliveries?", text, verb);
    if (!answer) return;
    try {
      showStatus(await post(action, answer));
      say("Done: " + action);
    } catch (fault) {
      say(fault.message, true);
    }
  }

  async function readAgain(job) {
    await new Promise(done => setTimeout(done, SECONDS / 4));
    return (await call("dead-letter-jobs")).find(other => other.id === job.id) || { ...job, state: "failed" };
  }

  // Runs a dry run to its end and returns its job; null if it is no longer wanted. Then it is cancelled.
  async function dryRun(action, request, isWanted, show) {
    let job = await post("dead-letters/" + action, { ...request, dry_run: true });
    for (; ;) {
      if (!isWanted()) {
        if (job.state === "running") post("dead-letter-jobs/" + job.id + "/cancel", {}).catch(() => {});
        return null;
      }
      show(job);
      if (job.state === "done") return job;
      if (job.state !== "running") throw new Error(job.error || "The dry run ended as " + job.state + ".");
      job = await readAgain(job);
    }
  }

  // A dry run counts, then the operator confirms.
  async function discard(filter, what) {
    const place = location.hash;
    try {
      const job = await dryRun("discard", { filter }, () => location.hash === place,
        running => say("Counting: " + running.report.discarded.toLocaleString("en")));
      say("");
      if (!job) return;
      const count = job.report.discarded;
      if (count === 0) return say("No dead letter is left to discard.");
      const answer = await confirm("Discard " + what + "?", (count === 1 ? "1 dead letter is" : count.toLocaleString("en") + " dead letters are")
        + " deleted permanently and cannot be delivered again.", "Discard");
      if (!answer) return;
      await post("dead-letters/discard", { ...answer, filter });
      await jobsDone();
    } catch (fault) {
      say(fault.message, true);
    }
  }

  // Redrive: a dry run counts, then the operator confirms.

  const outcome = report => [[report.discarded, "deleted"], [report.redriven, "delivered again"], [report.with_new_key, "of them under a new key"],
    [report.outside_horizon, "left because their horizon has passed"], [report.not_repeatable, "left because they cannot be emitted again"],
    [report.missing, "left because they are missing or unreadable"]]
    .filter(([count]) => count > 0).map(([count, text]) => count.toLocaleString("en") + " " + text).join(", ") || "none";

  async function redrive(filter, what) {
    const dialog = byId("redrive");
    byId("redrive-title").textContent = "Redrive " + what + "?";
    byId("redrive-new").checked = false;
    byId("redrive-reason").value = "";
    dialog.returnValue = "no";
    let run = 0;
    async function count() {
      const mine = ++run;
      byId("redrive-yes").disabled = true;
      byId("redrive-count").textContent = "Counting";
      try {
        const job = await dryRun("redrive", { filter, allows_new_key: byId("redrive-new").checked }, () => mine === run && dialog.open,
          running => {
            byId("redrive-count").textContent = (running.state === "running" ? "Counting: " : "Dry run: ") + outcome(running.report) + ".";
          });
        if (job) byId("redrive-yes").disabled = job.report.redriven === 0;
      } catch (fault) {
        if (mine === run) byId("redrive-count").textContent = fault.message;
      }
    }
    byId("redrive-new").onchange = count;
    dialog.showModal();
    count();
    await new Promise(done => dialog.addEventListener("close", done, { once: true }));
    if (dialog.returnValue !== "yes") return;
    try {
      await post("dead-letters/redrive", {
        filter, reason: byId("redrive-reason").value.trim() || null, allows_new_key: byId("redrive-new").checked,
        rate_per_second: Number(byId("redrive-rate").value) });
      await jobsDone();
    } catch (fault) {
      say(fault.message, true);
    }
  }

  async function jobsDone() {
    await follow();
    if (view === "dead-letters") await load(view); else location.hash = "#dead-letters";
  }

  const WAITS = {
    fresh_deliveries: "waiting for fresh deliveries",
    workers: "waiting for workers: none runs, deliveries are paused, or the endpoints answer slowly",
  };
  let following = null;

  async function follow() {
    clearTimeout(following);
    const jobs = (await call("dead-letter-jobs")).filter(job => !job.is_dry_run).slice(0, 5);
    const isRunning = jobs.some(job => job.state === "running");
    byId("dead-letter-jobs").replaceChildren(...jobs.map(job => {
      const line = element("p", null, "job");
      const name = (job.is_discard ? "Discard " : "Redrive ") + job.id;
      line.append(element("strong", name), state(job.state), element("span", outcome(job.report)),
        element("span", "by " + job.actor + (job.reason ? ": " + job.reason : "")));
      if (job.error) line.append(element("span", job.error));
      if (job.state === "running") {
        const bar = element("progress");
        bar.setAttribute("aria-label", name + " runs");
        if (job.rate_per_second !== undefined) line.append(element("span", job.rate_per_second.toLocaleString("en") + " a second"));
        if (WAITS[job.report.wait]) line.append(element("span", WAITS[job.report.wait]));
        line.append(bar, button("Cancel", name, () => cancel(job)));
      } else if (job.report.continue_before) {
        line.append(button("Continue", name, () => {
          const { tenant, reason, endpoint_id, notification_type, ids } = job.query;
          (job.is_discard ? discard : redrive)({ tenant, reason, endpoint_id, notification_type, ids, before: job.report.continue_before },
            "the rest of job " + job.id);
        }));
      }
      return line;
    }));
    if (isRunning) following = setTimeout(() => follow().catch(fault => say(fault.message, true)), SECONDS);
    else if (following !== null && view === "dead-letters") load(view).catch(() => {});
    if (!isRunning) following = null;
  }

  async function cancel(job) {
    try {
      await post("dead-letter-jobs/" + encodeURIComponent(job.id) + "/cancel", {});
      await follow();
    } catch (fault) {
      say(fault.message, true);
    }
  }

  // One delivery

  let told = null; // the delivery that is shown, as text

  async function story(parameters, isReload) {
    const key = parameters.get("key") || "";
    const letterId = parameters.get("dead_letter");
    const query = new URLSearchParams(["tenant", "dead_letter"].filter(name => parameters.get(name)).map(name => [name, parameters.get(name)]));
    const ask = asks.delivery = (asks.delivery || 0) + 1;
    if (!isReload) byId("delivery-body").hidden = true;
    const facts = [["Key", key]];
    let found;
    try {
      found = key ? await call("deliveries/" + encodeURIComponent(key) + (String(query) && "?" + query))
        : { attempts: [], state: "undelivered", dead_letter: await call("dead-letters/" + encodeURIComponent(letterId)) };
    } catch (fault) {
      if (isReload || ask !== asks.delivery) return;
      told = null;
      byId("delivery-facts").replaceChildren();
      byId("delivery-acts").replaceChildren();
      byId("delivery-events").replaceChildren(element("p", fault.message));
      return;
    }
    if (ask !== asks.delivery) return; // asked again meanwhile
    const text = JSON.stringify([key, found]);
    if (isReload && text === told) return;
    told = text;
    const focused = focusIn(byId("delivery"));
    const letter = found.dead_letter;
    if (!letter) byId("delivery-body").hidden = true;
    const last = found.attempts[found.attempts.length - 1] || {};
    const any = letter || last;
    facts.push(["State", state(found.state || "unknown")], ["Endpoint", last.breaker_key || letter && letter.authority], ["Tenant", found.tenant || letter && letter.tenant],
      ["Same key", found.other_tenants && found.other_tenants.length ? joined(found.other_tenants.map(tenant => filterLink(tenant, { key, tenant }, "delivery"))) : null],
      ["Task", any.task_id], ["Notification type", any.notification_type], ["Operation", last.operation_id],
      ["Payload", last.payload_size_bytes && last.payload_size_bytes.toLocaleString("en") + " bytes"],
      ["Dead letter", letter && letter.id], ["Redrive", letter && chance(letter)]);
    byId("delivery-facts").replaceChildren(...facts.filter(fact => fact[1] !== undefined && fact[1] !== null).flatMap(([name, value]) => {
      const fact = element("dd");
      fact.append(value instanceof Node ? value : String(value));
      return [element("dt", name), fact];
    }));
    byId("delivery-acts").replaceChildren(...!letter ? [] : [
      button("Redrive", "letter " + letter.id, () => redrive({ ids: [letter.id] }, "dead letter " + letter.id)),
      button("Discard", "letter " + letter.id, () => discard({ ids: [letter.id] }, "dead letter " + letter.id), true),
      ...features.bodies ? [button("Open body", "letter " + letter.id, () => openBody(letter))] : []]);
    const events = found.attempts.map(attempt => [
      time(attempt.completed_at), state(attempt.outcome), attempt.is_attempt ? "attempt " + attempt.attempt_number + " of " + attempt.max_attempts : "no attempt",
      [attempt.error_message || attempt.http_status_code || attempt.code || "", attempt.next_retry_at ? ", next attempt " + time(attempt.next_retry_at) : ""]]);
    if (found.enqueued_at) events.unshift([time(found.enqueued_at), state("enqueued"), "", ""]);
    if (letter) events.push([time(letter.ended_at), element("span", "dead", "state bad"), letter.attempts + (letter.attempts === 1 ? " attempt" : " attempts"), words(letter.reason) + (letter.status_code ? " " + letter.status_code : "")]);
    byId("delivery-events").replaceChildren(tableOf("Known events, the oldest first", ["Time (UTC)", "Event", "Attempt", "Detail"], events));
    focusAgain(byId("delivery"), focused);
  }

  async function openBody(letter) {
    const answer = await confirm("Open the body of dead letter " + letter.id + "?", "It may contain secrets and personal data. The opening is recorded.", "Open body");
    if (!answer) return;
    try {
      byId("delivery-body").textContent = (await post("dead-letters/" + letter.id + "/body", answer)).content;
      byId("delivery-body").hidden = false;
    } catch (fault) {
      say(fault.message, true);
    }
  }

  // Views

  const parts = () => location.hash.slice(1).split("?", 2);

  async function show() {
    const [name, filters] = parts();
    view = lists[name] || name === "delivery" ? name : "overview";
    for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== view;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.hash === "#" + view) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
    }
    if (view === "delivery") return story(new URLSearchParams(filters));
    if (view === "dead-letters") follow().catch(() => {});
    if (filters !== undefined) {
      const given = new URLSearchParams(filters);
      for (const field of document.querySelector("form[data-list=" + view + "]").elements) field.value = given.get(field.name) || "";
    }
    if (lists[view]) await load(view).catch(fault => say(fault.message, true));
  }

  // The open list follows: it is read again at most twice a second, and an open delivery, which costs more, every two seconds. A change that comes meanwhile, or while the page is hidden or asks for a
  // confirmation, is made up for afterwards. A list that was paged further stays as it is, so that rows do not move under the reader.
  let isStale = false;
  let isReading = false;
  let readAt = 0;
  const canRead = () => !document.hidden && !document.querySelector("dialog[open]");

  function changed() {
    isStale = true;
    if (isReading || !canRead()) return;
    isReading = true;
    setTimeout(async () => {
      if (canRead()) {
        isStale = false;
        readAt = Date.now() + (view === "delivery" ? 2 : 0.5) * SECONDS;
        if (view === "delivery") await story(new URLSearchParams(parts()[1]), true);
        else if (lists[view] && !isPaged[view]) await load(view).catch(() => {});
      }
      isReading = false;
      if (isStale) changed();
    }, Math.max(0, readAt - Date.now()));
  }

  const catchUp = () => { if (isStale) changed(); };

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

  for (const [id, act] of [["redrive-all", redrive], ["discard-all", discard]]) byId(id).addEventListener("click", () => {
    const filter = {};
    for (const [key, value] of new FormData(document.querySelector("form[data-list=dead-letters]"))) if (value) filter[key] = value;
    const what = Object.entries(filter).map(([key, value]) => words(key) + " " + words(value)).join(", ");
    act(filter, what ? "all dead letters with " + what : "all dead letters");
  });

  let typing;
  for (const form of document.querySelectorAll("form.filters")) {
    form.addEventListener("submit", event => event.preventDefault());
    form.addEventListener("input", () => {
      clearTimeout(typing);
      if (!form.checkValidity()) return; // an endpoint's id that is typed by half
      typing = setTimeout(() => load(form.dataset.list).catch(fault => say(fault.message, true)), 250);
    });
  }
  document.addEventListener("visibilitychange", catchUp);
  for (const dialog of document.querySelectorAll("dialog")) dialog.addEventListener("close", catchUp);
  setInterval(changed, 15 * SECONDS); // what changes by time alone, such as the next probe
  addEventListener("hashchange", () => show().then(() => byId("main").focus({ preventScroll: true })));
  call("features").then(found => {
    features = found;
    showPause();
    for (const id of ["confirm-reason", "redrive-reason"]) byId(id).required = features.requires_reason;
    for (const link of document.querySelectorAll("nav a[data-feature]")) link.parentElement.hidden = !features[link.dataset.feature];
    return show();
  }).catch(fault => say(fault.message, true));
  listen();
})();
