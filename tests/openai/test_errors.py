import os

import openai
from support import MODEL, QUESTION, Case, script, state


class Errors(Case):
    def test_a_wrong_key_is_an_authentication_error(self):
        self.client = self.client.copy(api_key="cjh_wrong")
        error = self.refused(openai.AuthenticationError)
        self.assertEqual((error.status_code, error.code), (401, "invalid_api_key"))
        with self.assertRaises(openai.AuthenticationError):
            self.client.models.list()

    def test_a_model_whose_provider_is_not_configured_is_not_found(self):
        error = self.refused(openai.NotFoundError, model="gemini:none")
        self.assertEqual((error.code, error.param), ("model_not_found", "model"))

    def test_a_model_that_the_provider_does_not_know_is_not_found(self):
        script(chat_status=404)
        self.assertEqual(self.refused(openai.NotFoundError, stream=True).code, "model_not_found")

    def test_a_value_out_of_bounds_is_a_bad_request_that_names_the_field(self):
        for fields in [
            {"temperature": 3},
            {"temperature": "hot"},
            {"max_tokens": 0},
            {"max_completion_tokens": -1},
            {"top_p": 2},
            {"stop": ["a", "b", "c", "d", "e"]},
            {"messages": []},
            {"messages": "Saluda"},
        ]:
            with self.subTest(fields):
                error = self.refused(openai.BadRequestError, **fields)
                self.assertEqual((error.type, error.code), ("invalid_request_error", "invalid_value"))
                self.assertEqual([error.param], list(fields))

    def test_a_message_that_cannot_be_read_is_named(self):
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}
        for message, param in [
            ({"role": "tool", "content": "x", "tool_call_id": "1"}, "messages[1].role"),
            ({"role": "user", "content": [picture]}, "messages[1].content[0].image_url.url"),
            ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, "messages[1].content[0].type"),
            ({"role": "user", "content": 5}, "messages[1].content"),
        ]:
            with self.subTest(param):
                error = self.refused(openai.BadRequestError, messages=[*QUESTION, message])
                self.assertEqual((error.code, error.param), ("invalid_value", param))

    def test_what_is_not_done_here_is_refused_by_name(self):
        function = {"type": "function", "function": {"name": "f", "parameters": {}}}
        for fields in [
            {"n": 2},
            {"tools": [function]},
            {"logprobs": True},
            {"logit_bias": {"1": 5}},
            {"modalities": ["text", "audio"]},
            {"web_search_options": {}},
        ]:
            with self.subTest(fields):
                error = self.refused(openai.BadRequestError, **fields)
                self.assertEqual((error.code, [error.param]), ("unsupported_parameter", list(fields)))

    def test_a_format_is_refused_where_the_model_cannot_be_told_it(self):
        error = self.refused(openai.BadRequestError, model="extractive", response_format={"type": "json_object"})
        self.assertEqual((error.code, error.param), ("invalid_value", "response_format"))

    def test_what_the_provider_refuses_of_a_request_is_a_bad_request(self):
        script(chat_status=400)
        error = self.refused(openai.BadRequestError)
        self.assertIn("the script says no", error.message)

    def test_a_message_that_is_too_long_is_a_bad_request(self):
        error = self.refused(openai.BadRequestError, messages=[{"role": "user", "content": "x" * 100_001}])
        self.assertEqual((error.code, error.param), ("string_above_max_length", "messages"))

    def test_a_request_that_is_too_large_says_so(self):
        error = self.refused(openai.APIStatusError, messages=[{"role": "user", "content": "x" * 17_000_000}])
        self.assertEqual((error.status_code, error.code), (413, "http:body_too_large"))

    def test_the_rate_limit_of_the_provider_is_a_rate_limit_error_that_tells_how_long(self):
        script(chat_status=429, retry_after=120)
        error = self.refused(openai.RateLimitError)
        self.assertEqual(error.code, "rate_limit_exceeded")
        self.assertIn(int(error.response.headers["retry-after"]), range(120, 123))

    def test_who_asks_too_often_is_told_how_long_to_wait(self):
        self.client = self.client.copy(api_key=os.environ["EAGER_KEY"])
        with self.assertRaises(openai.RateLimitError) as caught:
            for _ in range(200):
                try:
                    self.ask(n=2)
                except openai.BadRequestError:
                    pass
        error = caught.exception
        self.assertEqual((error.code, error.type), ("rate_limit_exceeded", "requests"))
        self.assertGreaterEqual(int(error.response.headers["retry-after"]), 1)

    def test_a_provider_that_is_down_is_a_server_error(self):
        script(chat_status=503)
        for stream in [False, True]:
            with self.subTest(stream=stream):
                error = self.refused(openai.InternalServerError, stream=stream)
                self.assertEqual((error.status_code, error.code), (502, "models:unavailable"))

    def test_a_model_that_breaks_off_is_a_server_error_where_nothing_was_sent_yet(self):
        script("uno dos tres", break_after=2)
        self.assertEqual(self.refused(openai.InternalServerError).code, "models:broke_off")

    def test_what_would_fail_again_is_not_tried_again_by_the_client(self):
        script(chat_status=401)
        self.client = self.client.copy(max_retries=2)
        before = state()["requests"]
        self.assertEqual(self.refused(openai.InternalServerError).code, "models:unauthorized")
        self.assertEqual(state()["requests"], before + 1)

    def test_errors_are_told_in_the_language_that_is_asked_for(self):
        error = self.refused(openai.BadRequestError, n=2, extra_headers={"accept-language": "es"})
        self.assertIn("Este servidor no hace", error.message)

    def test_calls_that_are_not_there_are_not_found(self):
        with self.assertRaises(openai.NotFoundError):
            self.client.embeddings.create(model=MODEL, input="x")
        with self.assertRaises(openai.APIStatusError) as caught:
            self.client.chat.completions.list()
        self.assertEqual(caught.exception.status_code, 405)
