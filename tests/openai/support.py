"""What the tests share: clients of the server that the environment names, and the scripted model behind it.

`tests/product/openai_package.rs` starts both and runs all of this.
"""

import itertools
import json
import os
import time
import unittest
import urllib.request

import openai

MODEL = "openai:scripted-chat"
QUESTION = [{"role": "user", "content": "Saluda"}]
# A key may ask so often; each test takes the next one.
KEYS = itertools.cycle(json.loads(os.environ["API_KEYS"]))


def provider(method, path, body=None):
    """Calls the scripted model's own controls."""
    url = f"{os.environ['PROVIDER_URL']}/control/{path}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
    answer = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30).read()
    return json.loads(answer) if answer else None


def script(text=None, **fields):
    """What the model says and does from now on; without a text it quotes the first passage that it is given."""
    answer = "quote" if text is None else {"text": text}
    provider("PUT", "script", {"answer": answer, **fields})


def state():
    return provider("GET", "state")


def asked():
    """What the provider was asked last."""
    return state()["last_body"]


def release():
    provider("POST", "release")


class Case(unittest.TestCase):
    def setUp(self):
        self.key = next(KEYS)
        # The address is in OPENAI_BASE_URL.
        self.client = openai.OpenAI(api_key=self.key, max_retries=0, timeout=60)
        self.addCleanup(self.client.close)
        script("Hola desde lejos.")

    def ask(self, messages=QUESTION, **fields):
        return self.client.chat.completions.create(**{"model": MODEL, "messages": messages, **fields})

    def refused(self, error, **fields):
        """Asks what is refused with this error; gives the error after a look at its shape."""
        with self.assertRaises(error) as caught:
            self.ask(**fields)
        self.assertEqual(set(caught.exception.body), {"message", "type", "param", "code"}, caught.exception.body)
        self.assertTrue(caught.exception.body["message"])
        return caught.exception

    def wait_until(self, what):
        deadline = time.monotonic() + 30
        while not what():
            self.assertLess(time.monotonic(), deadline, "it does not happen")
            time.sleep(0.02)
