// Runs storyboards of AdCP's compliance runner against a seller, and fails if a step fails or is left out without one of the reasons below.
// Usage: run.cjs AGENT TOKEN STORYBOARD...
"use strict";
const { comply } = require("@adcp/sdk/testing");
const { StaticJwksResolver } = require("@adcp/sdk/signing");

// The seller passes the branch beside it, or lacks the tool of the step.
const allowedSkips = new Set(["peer_branch_taken", "missing_tool"]);
const [agent, token, ...storyboards] = process.argv.slice(2);

(async () => {
  const jwks = await (await fetch(new URL("/.well-known/jwks.json", agent))).json();
  let failed = 0;
  for (const storyboard of storyboards) {
    const result = await comply(agent, {
      protocol: "mcp",
      storyboards: [storyboard],
      timeout_ms: 170_000,
      auth: { type: "bearer", token },
      allow_http: true,
      webhook_receiver: { mode: "loopback_mock" },
      contracts: ["webhook_receiver_runner"],
      webhook_signing: { jwks: new StaticJwksResolver(jwks.keys) },
      test_kit: { auth: { api_key: token, probe_task: "list_creatives" } },
    });
    const faults = result.failures ?? [];
    const steps = result.tracks.flatMap((track) => track.scenarios).flatMap((scenario) => scenario.steps ?? []);
    const skipped = steps.filter((step) => step.skipped);
    const unexplained = skipped.filter((step) => !allowedSkips.has(step.skip_reason));
    const { steps_passed: passed, steps_failed: broken, total_steps: total } = result.summary;
    console.log(`${storyboard}: ${passed} passed, ${broken} failed of ${total}`);
    for (const fault of faults) {
      console.log(`  FAILED ${fault.step_id}: ${fault.error ?? ""} ${JSON.stringify(fault.validation ?? {})}`);
    }
    for (const step of skipped) {
      console.log(`  left out: ${step.step} (${step.skip_reason})`);
    }
    failed += broken + unexplained.length + (passed === 0 ? 1 : 0);
  }
  process.exit(failed === 0 ? 0 : 1);
})().catch((fault) => {
  console.error(fault);
  process.exit(2);
});
