// Signs deliveries with the providers' own libraries, for tests/suite/providers.rs.
//
// Reads one JSON document a line and answers each with one line:
//   {"do":"github","secret":S,"body":B}               -> {"headers":{...}}
//   {"do":"stripe","secret":S,"body":B,"timestamp":T} -> {"headers":{...}}
//   {"do":"examples"}                                 -> one line per example, then {"end":N}
// What it cannot do it answers with {"error":"..."}.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { webcrypto } from "node:crypto";

globalThis.crypto ??= webcrypto;

const require = createRequire(import.meta.url);
const { sign } = await import("@octokit/webhooks-methods");
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
