// Signs deliveries with the providers' own libraries, for tests/suite/providers.rs.
//
// Reads one JSON document a line and answers each with one line:
//   {"do":"github","secret":S,"body":B}               -> {"headers":{...}}
//   {"do":"stripe","secret":S,"body":B,"timestamp":T} -> {"headers":{...}}
//   {"do":"examples"}                                 -> one line per example, then {"end":N}
//   {"do":LIBRARY,"secret":S,"body":B,"url":U,"time":T} -> {"headers":{...},"body":B}
// What it cannot do it answers with {"error":"..."}.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { createHash, webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;

const require = createRequire(import.meta.url);
const { sign } = await import("@octokit/webhooks-methods");
const { Webhooks } = await import("@octokit/webhooks");
const Stripe = require("stripe");
const stripe = new (Stripe.default ?? Stripe)("sk_test_unused");

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

const answers = {
  async github({ secret, body }) {
    say({ headers: { "x-hub-signature-256": await sign(secret, body) } });
  },
  stripe({ secret, body, timestamp }) {
    const header = stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp });
    say({ headers: { "stripe-signature": header } });
  },
  examples() {
    const events = require("@octokit/webhooks-examples");
    let count = 0;
    for (const { name, examples } of events) {
      for (const example of examples) {
        say({ name, body: JSON.stringify(example) });
        count += 1;
      }
    }
    say({ end: count });
  },
};

// The libraries of tests/suite/sources/libraries.rs: each signs a body that goes to a URL at a Unix
// time, and gives the headers, or the headers and the body where the signature is in it.
const json = { "content-type": "application/json" };
const libraries = {
  octokit: async ({ secret, body }) => ({ "x-hub-signature-256": await sign(secret, body) }),
  octokit_webhooks: async ({ secret, body }) => ({
    "x-hub-signature-256": await new Webhooks({ secret }).sign(body),
  }),
  stripe_node: ({ secret, body, time }) => ({
    "stripe-signature": stripe.webhooks.generateTestHeaderString({
      payload: body,
      secret,
      timestamp: time,
    }),
  }),
  standardwebhooks({ secret, body, time }) {
    const { Webhook } = require("standardwebhooks");
    const signature = new Webhook(secret).sign("msg_1", new Date(time * 1000), body);
    return { "webhook-id": "msg_1", "webhook-timestamp": `${time}`, "webhook-signature": signature };
  },
  svix({ secret, body, time }) {
    const { Webhook } = require("svix");
    const signature = new Webhook(secret).sign("msg_1", new Date(time * 1000), body);
    return { "svix-id": "msg_1", "svix-timestamp": `${time}`, "svix-signature": signature };
  },
  twilio({ secret, body, url }) {
    const { getExpectedTwilioSignature } = require("twilio");
    const parameters = Object.fromEntries(new URLSearchParams(body));
    return {
      "content-type": "application/x-www-form-urlencoded",
      "x-twilio-signature": getExpectedTwilioSignature(secret, url, parameters),
    };
  },
  hubspot({ secret, body, url, time }) {
    const { Signature } = require("@hubspot/api-client");
    const timestamp = time * 1000;
    const options = { clientSecret: secret, url, requestBody: body, timestamp };
    return {
      "x-hubspot-signature-v3": Signature.getSignature("POST", "v3", options),
      "x-hubspot-request-timestamp": `${timestamp}`,
    };
  },
  adyen({ secret, body }) {
    const { hmacValidator } = require("@adyen/api-library");
    const batch = JSON.parse(body);
    for (const { NotificationRequestItem: item } of batch.notificationItems) {
      item.additionalData = { hmacSignature: new hmacValidator().calculateHmac(item, secret) };
    }
    return { headers: json, body: JSON.stringify(batch) };
  },
  adyen_platform({ secret, body }) {
    const { hmacValidator } = require("@adyen/api-library");
    return { hmacsignature: new hmacValidator().calculateHmac(body, secret) };
  },
  contentful({ secret, body, url, time }) {
    const { signRequest } = require("@contentful/node-apps-toolkit");
    const { pathname: path } = new URL(url);
    const request = { method: "POST", path, body, headers: json };
    return { ...json, ...signRequest(secret, request, time * 1000) };
  },
  async sanity({ secret, body, time }) {
    const { encodeSignatureHeader } = require("@sanity/webhook");
    return { "sanity-webhook-signature": await encodeSignatureHeader(body, time * 1000, secret) };
  },
  coinbase({ secret, body }) {
    const { Webhook } = require("coinbase-commerce-node");
    return { "x-cc-webhook-signature": Webhook.computeSignature(body, secret) };
  },
  async workos({ secret, body, time }) {
    const { WorkOS } = await import("@workos-inc/node");
    const { webhooks } = new WorkOS("sk_unused", { clientId: "unused" });
    const signed = JSON.parse(body);
    const signature = await webhooks.computeSignature(time * 1000, signed, secret);
    const headers = { "workos-signature": `t=${time * 1000}, v1=${signature}` };
    return { headers, body: JSON.stringify(signed) };
  },
  async netlify({ secret, body }) {
    const { SignJWT } = await import("jose");
    const sha256 = createHash("sha256").update(body).digest("hex");
    const token = new SignJWT({ sha256 }).setProtectedHeader({ alg: "HS256" }).setIssuer("netlify");
    return { "x-webhook-signature": await token.sign(new TextEncoder().encode(secret)) };
  },
};

for (const [name, library] of Object.entries(libraries)) {
  answers[name] ??= async (asked) => {
    const signed = await library(asked);
    say(signed.headers ? signed : { headers: signed, body: asked.body });
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    const ask = JSON.parse(line);
    const answer = answers[ask.do];
    if (!answer) throw new Error(`unknown: ${ask.do}`);
    await answer(ask);
  } catch (error) {
    say({ error: String(error?.message ?? error) });
  }
}
