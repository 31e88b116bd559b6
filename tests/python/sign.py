"""Signs deliveries with the providers' own libraries, for tests/suite/sources/libraries.rs.

Reads one JSON document a line, {"do":LIBRARY,"secret":S,"body":B,"url":U,"time":T}, and answers each
with one line: {"headers":{...},"body":B}. What it cannot do it answers with {"error":"..."}.
"""

import json
import sys
from datetime import datetime, timezone
from urllib.parse import parse_qsl


def slack(secret, body, url, time):
    from slack_sdk.signature import SignatureVerifier

    signature = SignatureVerifier(secret).generate_signature(timestamp=str(time), body=body)
    return {"x-slack-signature": signature, "x-slack-request-timestamp": str(time)}


def standardwebhooks(secret, body, url, time):
    from standardwebhooks.webhooks import Webhook

    when = datetime.fromtimestamp(time, timezone.utc)
    signature = Webhook(secret).sign("msg_1", when, body)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(time), "webhook-signature": signature}


def svix(secret, body, url, time):
    from svix.webhooks import Webhook

    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(time, timezone.utc), body)
    return {"svix-id": "msg_1", "svix-timestamp": str(time), "svix-signature": signature}


def twilio(secret, body, url, time):
    from twilio.request_validator import RequestValidator

    parameters = dict(parse_qsl(body, keep_blank_values=True))
    return {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": RequestValidator(secret).compute_signature(url, parameters),
    }


def stripe(secret, body, url, time):
    import stripe as library

    signature = library.WebhookSignature._compute_signature(f"{time}.{body}", secret)
    return {"stripe-signature": f"t={time},v1={signature}"}


def discord(secret, body, url, time):
    from nacl.signing import SigningKey

    signature = SigningKey(bytes.fromhex(secret)).sign(f"{time}{body}".encode()).signature.hex()
    return {"x-signature-ed25519": signature, "x-signature-timestamp": str(time)}


def evolution(secret, body, url, time):
    import jwt

    claims = {"app": "evolution", "action": "webhook", "iat": time, "exp": time + 600}
    return {"authorization": "Bearer " + jwt.encode(claims, secret, algorithm="HS256")}


LIBRARIES = [slack, standardwebhooks, svix, twilio, stripe, discord, evolution]

for line in sys.stdin:
    try:
        asked = json.loads(line)
        name = asked.pop("do")
        sign = next(library for library in LIBRARIES if library.__name__ == name)
        answer = {"headers": sign(**asked), "body": asked["body"]}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
