import asyncio

import openai
from support import MODEL, QUESTION, Case, release, script, state


def text(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


class Streams(Case):
    def test_an_answer_is_streamed_from_the_role_to_the_reason(self):
        first, *between, last = self.ask(stream=True)
        self.assertEqual((first.object, first.model), ("chat.completion.chunk", MODEL))
        self.assertEqual(first.choices[0].delta.role, "assistant")
        self.assertEqual(text(between), "Hola desde lejos.")
        self.assertEqual(len(between), 3)
        self.assertEqual(last.choices[0].finish_reason, "stop")
        same = {(chunk.id, chunk.created) for chunk in [first, *between, last]}
        self.assertEqual(len(same), 1)
        self.assertTrue(all(chunk.usage is None for chunk in [first, *between, last]))

    def test_words_come_when_the_model_says_them(self):
        script("uno dos", hold_after=1)
        with self.ask(stream=True) as stream:
            said = next(chunk.choices[0].delta.content for chunk in stream if chunk.choices[0].delta.content)
            self.assertEqual(said, "uno ")
            release()
            self.assertEqual(text(stream), "dos")

    def test_usage_comes_last_where_it_is_asked_for(self):
        *chunks, last = self.ask(stream=True, stream_options={"include_usage": True})
        self.assertEqual(last.choices, [])
        self.assertEqual(last.usage.total_tokens, last.usage.prompt_tokens + 3)
        self.assertTrue(all(chunk.usage is None for chunk in chunks))

    def test_a_stop_sequence_that_pieces_break_ends_the_stream(self):
        script("uno dos tres cuatro")
        *chunks, last = self.ask(stream=True, stop=["dos tres"])
        self.assertEqual((text(chunks), last.choices[0].finish_reason), ("uno ", "stop"))

    def test_a_model_that_goes_on_after_a_stop_sequence_is_left(self):
        before = state()["abandoned_streams"]
        script("uno FIN " + "más " * 500, pace_ms=20)
        self.assertEqual(text(self.ask(stream=True, stop="FIN")), "uno ")
        self.wait_until(lambda: state()["abandoned_streams"] > before)

    def test_what_looked_like_a_stop_sequence_is_said(self):
        script("uno dos")
        self.assertEqual(text(self.ask(stream=True, stop="dos tres")), "uno dos")

    def test_a_stream_cut_by_the_limit_of_tokens_says_so(self):
        script("uno dos", cut=True)
        *_, last = self.ask(stream=True, max_tokens=2)
        self.assertEqual(last.choices[0].finish_reason, "length")

    def test_the_last_piece_carries_the_citations(self):
        script()
        question = [{"role": "user", "content": "¿Qué días cierra el museo?"}]
        *_, last = self.ask(question, stream=True, extra_body={"retrieval": {"enabled": True, "min_score": 0}})
        self.assertEqual([citation["title"] for citation in last.citations], ["Museo"])
        self.assertEqual(last.retrieval["searched_documents"], 1)

    def test_the_helper_s_events_are_typed_and_add_up(self):
        options = {"include_usage": True}
        with self.client.chat.completions.stream(model=MODEL, messages=QUESTION, stream_options=options) as stream:
            events = list(stream)
            completion = stream.get_final_completion()
        # The role comes with an empty text, as OpenAI sends it.
        deltas = [event.delta for event in events if event.type == "content.delta" and event.delta]
        self.assertEqual(deltas, ["Hola ", "desde ", "lejos."])
        [done] = [event.content for event in events if event.type == "content.done"]
        self.assertEqual(done, "Hola desde lejos.")
        self.assertEqual(completion.choices[0].message.content, "Hola desde lejos.")
        self.assertEqual((completion.choices[0].finish_reason, completion.usage.completion_tokens), ("stop", 3))

    def test_the_response_can_be_read_line_by_line(self):
        create = self.client.chat.completions.with_streaming_response.create
        with create(model=MODEL, messages=QUESTION, stream=True) as response:
            self.assertEqual(response.headers["content-type"], "text/event-stream")
            lines = [line for line in response.iter_lines() if line]
        self.assertTrue(all(line.startswith("data: ") for line in lines), lines)
        self.assertEqual(lines[-1], "data: [DONE]")

    def test_a_stream_that_is_closed_leaves_the_model(self):
        before = state()["abandoned_streams"]
        script("uno " * 500, pace_ms=20)
        stream = self.ask(stream=True)
        next(stream)
        stream.close()
        self.wait_until(lambda: state()["abandoned_streams"] > before)
        self.assertEqual(state()["open_streams"], 0)

    def test_the_asynchronous_client_streams(self):
        async def ask():
            async with openai.AsyncOpenAI(api_key=self.key, max_retries=0) as client:
                stream = await client.chat.completions.create(model=MODEL, messages=QUESTION, stream=True)
                return [chunk async for chunk in stream]

        self.assertEqual(text(asyncio.run(ask())), "Hola desde lejos.")

    def test_a_model_that_breaks_off_raises_after_what_it_said(self):
        script("uno dos tres", break_after=2)
        said = ""
        with self.assertRaises(openai.APIError) as caught:
            for chunk in self.ask(stream=True):
                said += chunk.choices[0].delta.content or ""
        self.assertEqual(said, "uno dos ")
        error = caught.exception
        self.assertEqual((error.code, error.type, error.param), ("models:broke_off", "server_error", None))
