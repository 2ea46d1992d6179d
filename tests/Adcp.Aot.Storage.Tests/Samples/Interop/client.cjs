// A real A2A client: sends a message, reads, lists, cancels and manages push configurations; prints what it saw as one line of JSON.
'use strict';
const { createRequire } = require('node:module');
const http = require('node:http');
const path = require('node:path');

const [base, token, otherToken] = process.argv.slice(2);
const sdk = createRequire(path.join(process.env.ADCP_TEST_NODE_MODULES, 'x.js'));
const { ClientFactory } = sdk('@a2a-js/sdk/client');

const as = bearer => ({ serviceParameters: { Authorization: `Bearer ${bearer}` } });
const message = (text, more = {}) => ({
  messageId: `m-${Math.random()}`, contextId: '', taskId: '', role: 1, metadata: undefined, extensions: [], referenceTaskIds: [],
  parts: [{ content: { $case: 'text', value: text }, metadata: undefined, filename: '', mediaType: 'text/plain' }], ...more,
});
const send = (text, more = {}, configuration = {}) => ({
  tenant: '', metadata: undefined, message: message(text, more),
  configuration: { acceptedOutputModes: [], taskPushNotificationConfig: undefined, returnImmediately: false, ...configuration },
});
const refused = async call => {
  try { await call(); return 'no error'; } catch (error) { return error.envelopeCode ?? (/Status: (\d+)/.exec(error.message) ?? [])[1] ?? String(error); }
};

(async () => {
  const pushes = [];
  let pushed;
  const arrived = new Promise(resolve => { pushed = resolve; });
  const receiver = http.createServer((request, response) => {
    const body = [];
    request.on('data', chunk => body.push(chunk));
    request.on('end', () => {
      pushes.push({ token: request.headers['x-a2a-notification-token'], key: !!request.headers['idempotency-key'],
        signed: !!request.headers['signature'] && !!request.headers['signature-input'], body: JSON.parse(Buffer.concat(body).toString()) });
      response.end();
      if (pushes.length === 2) pushed();
    });
  });
  await new Promise(resolve => receiver.listen(0, '127.0.0.1', resolve));
  const hook = `http://127.0.0.1:${receiver.address().port}/hook`;

  const client = await new ClientFactory().createFromUrl(base);
  const mine = as(token);
  const theirs = as(otherToken);
  const first = await client.sendMessage(send('hello'), mine);
  const read = await client.getTask({ tenant: '', id: first.id }, mine);

  const slow = await client.sendMessage(send('slow', { contextId: first.contextId }, {
    returnImmediately: true,
    taskPushNotificationConfig: { tenant: '', id: '', taskId: '', url: hook, token: 'token-of-the-client', authentication: undefined },
  }), mine);
  const created = await client.createTaskPushNotificationConfig({ tenant: '', id: '', taskId: slow.id, url: hook, token: '', authentication: undefined }, mine);
  const named = await client.createTaskPushNotificationConfig({ tenant: '', id: 'to-delete', taskId: slow.id, url: hook, token: '', authentication: undefined }, mine);
  const got = await client.getTaskPushNotificationConfig({ tenant: '', taskId: slow.id, id: created.id }, mine);
  await client.deleteTaskPushNotificationConfig({ tenant: '', taskId: slow.id, id: named.id }, mine);
  const configs = await client.listTaskPushNotificationConfig({ tenant: '', taskId: slow.id, pageSize: 0, pageToken: '' }, mine);
  const canceled = await client.cancelTask({ tenant: '', id: slow.id, metadata: undefined }, mine);
  await Promise.race([arrived, new Promise(resolve => setTimeout(resolve, 20000).unref())]);

  const list = more => client.listTasks({ tenant: '', contextId: '', status: 0, pageToken: '', statusTimestampAfter: undefined, ...more }, mine);
  const page = await list({ contextId: first.contextId, pageSize: 1 });
  const next = await list({ contextId: first.contextId, pageSize: 1, pageToken: page.nextPageToken });
  const done = await list({ status: 3, includeArtifacts: true });
  const result = {
    state: first.status.state,
    sameTask: read.id === first.id && read.contextId === first.contextId,
    answer: first.artifacts[0].parts[0].content.value,
    history: first.history.length,
    serverPickedId: created.id.length > 0 && created.id !== named.id,
    secretShown: got.token !== '',
    configs: configs.configs.length,
    canceled: canceled.status.state,
    pushes: pushes.map(push => ({ token: push.token ?? null, key: push.key, signed: push.signed, members: Object.keys(push.body), state: push.body.task.status.state }))
      .sort((a, b) => (a.token ?? '').localeCompare(b.token ?? '')),
    total: page.totalSize,
    pages: [page.tasks.length, next.tasks.length, next.nextPageToken],
    pageIds: [page.tasks[0].id, next.tasks[0].id].sort().join() === [first.id, slow.id].sort().join(),
    doneArtifacts: done.tasks.map(task => task.artifacts.length),
    foreignTask: await refused(() => client.getTask({ tenant: '', id: first.id }, theirs)),
    foreignList: (await client.listTasks({ tenant: '', contextId: '', status: 0, pageToken: '', statusTimestampAfter: undefined }, theirs)).tasks.length,
    foreignConfigs: await refused(() => client.listTaskPushNotificationConfig({ tenant: '', taskId: slow.id, pageSize: 0, pageToken: '' }, theirs)),
    cancelAgain: await refused(() => client.cancelTask({ tenant: '', id: slow.id, metadata: undefined }, mine)),
    badDestination: await refused(() => client.createTaskPushNotificationConfig(
      { tenant: '', id: '', taskId: slow.id, url: 'http://169.254.169.254/', token: '', authentication: undefined }, mine)),
    badToken: await refused(() => list({ pageToken: 'nonsense' })),
    unauthenticated: await refused(() => client.getTask({ tenant: '', id: first.id })),
  };
  receiver.close();
  console.log(JSON.stringify(result));
})().catch(error => { console.error(error); process.exit(1); });
