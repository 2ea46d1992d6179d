// Reads one JSON question a line, asks the npm packages, writes one JSON answer a line.
"use strict";
const crypto = require("node:crypto");
const readline = require("node:readline");
const { Webhook } = require("standardwebhooks");
const { httpbis } = require("http-message-signatures");

// AdCP's webhook profile writes the Signature as unpadded base64url; RFC 9421, which the package keeps to, as base64.
const toBase64 = (text) => text.replaceAll("-", "+").replaceAll("_", "/").replace(/=*:$/, (end) => "=".repeat((4 - (text.split(":")[1].length % 4)) % 4) + ":");
const toBase64Url = (text) => text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+:$/, ":");
const key = (jwk, make) => ({ key: make({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" });
const hash = (jwk) => (jwk.kty === "EC" ? "sha256" : null);

const answers = {
  async "standard-verify"({ secret, headers, body }) {
    new Webhook(secret).verify(body, headers);
    return true;
  },

  async "standard-sign"({ secret, id, timestamp, body }) {
    return new Webhook(secret).sign(id, new Date(timestamp * 1000), body);
  },

  async "rfc9421-verify"({ jwk, request }) {
    let base;
    const headers = { ...request.headers, Signature: "sig1=" + toBase64(request.headers.Signature.slice("sig1=".length)) };
    const verified = await httpbis.verifyMessage(
      {
        keyLookup: async () => ({
          verify: async (data, signature) => {
            base = data.toString();
            return crypto.verify(hash(jwk), data, key(jwk, crypto.createPublicKey), signature);
          },
        }),
      },
      { ...request, headers },
    );
    return { verified, base };
  },

  async "rfc9421-sign"({ jwk, request, keyid, alg, tag, nonce, created }) {
    const signed = await httpbis.signMessage(
      {
        key: { id: keyid, alg, sign: async (data) => crypto.sign(hash(jwk), data, key(jwk, crypto.createPrivateKey)) },
        name: "sig1",
        fields: ["@method", "@target-uri", "@authority", "content-type", "content-digest"],
        params: ["created", "expires", "nonce", "keyid", "alg", "tag"],
        paramValues: { created: new Date(created * 1000), expires: new Date((created + 300) * 1000), nonce, tag },
      },
      request,
    );
    return { input: signed.headers["Signature-Input"], signature: "sig1=" + toBase64Url(signed.headers.Signature.slice("sig1=".length)) };
  },

  async numbers({ bits }) {
    const view = new DataView(new ArrayBuffer(8));
    return bits.map((hex) => (view.setBigUint64(0, BigInt("0x" + hex)), JSON.stringify(view.getFloat64(0))));
  },
};

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const question = JSON.parse(line);
    let answer;
    try {
      answer = { answer: await answers[question.ask](question) };
    } catch (fault) {
      answer = { fault: String(fault.message ?? fault) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
})();
