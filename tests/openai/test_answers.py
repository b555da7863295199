import asyncio

import openai
from pydantic import BaseModel
from support import MODEL, QUESTION, Case, asked, script


class Answers(Case):
    def test_a_question_is_answered(self):
        completion = self.ask()
        self.assertTrue(completion.id.startswith("chatcmpl-"))
        self.assertEqual((completion.object, completion.model), ("chat.completion", MODEL))
        self.assertGreater(completion.created, 1_700_000_000)
        [choice] = completion.choices
        self.assertEqual((choice.index, choice.finish_reason, choice.logprobs), (0, "stop", None))
        self.assertEqual((choice.message.role, choice.message.content), ("assistant", "Hola desde lejos."))

    def test_usage_is_what_the_provider_counts(self):
        usage = self.ask().usage
        self.assertEqual(usage.completion_tokens, 3)
        self.assertGreater(usage.prompt_tokens, 0)
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)

    def test_a_client_is_configured_by_its_environment_alone(self):
        with openai.OpenAI() as client:
            completion = client.chat.completions.create(model="default", messages=QUESTION)
        self.assertEqual(completion.model, MODEL)

    def test_a_conversation_goes_to_the_model_whole_with_its_instructions_first(self):
        self.ask(
            [
                {"role": "system", "content": "Answer in verse."},
                {"role": "user", "content": "uno"},
                {"role": "assistant", "content": "dos"},
                {"role": "user", "content": "tres", "name": "eva"},
                {"role": "developer", "content": "Be brief."},
            ]
        )
        first, *rest = asked()["messages"]
        self.assertEqual(first["role"], "system")
        self.assertTrue(first["content"].endswith("Answer in verse.\n\nBe brief."), first)
        told = [(message["role"], message["content"]) for message in rest]
        self.assertEqual(told, [("user", "uno"), ("assistant", "dos"), ("user", "tres")])

    def test_content_may_be_a_list_of_texts(self):
        self.ask([{"role": "user", "content": [{"type": "text", "text": "uno"}, {"type": "text", "text": "dos"}]}])
        self.assertEqual(asked()["messages"][-1]["content"], "uno\ndos")

    def test_an_image_goes_to_the_model_as_it_is(self):
        url = "data:image/png;base64,iVBORw0KGgo="
        parts = [{"type": "text", "text": "¿Qué ves?"}, {"type": "image_url", "image_url": {"url": url}}]
        self.ask([{"role": "user", "content": parts}])
        self.assertEqual(asked()["messages"][-1]["content"], parts)

    def test_the_answer_ends_before_a_stop_sequence(self):
        script("uno dos FIN tres")
        [choice] = self.ask(stop="FIN").choices
        self.assertEqual((choice.message.content, choice.finish_reason), ("uno dos ", "stop"))
        self.assertEqual(asked()["stop"], ["FIN"])

    def test_the_answer_ends_before_the_first_of_several_stop_sequences(self):
        script("uno\n\ndos tres")
        [choice] = self.ask(stop=["tres", "\n", "never"]).choices
        self.assertEqual((choice.message.content, choice.finish_reason), ("uno", "stop"))

    def test_the_limit_of_tokens_is_told_and_an_answer_cut_by_it_says_so(self):
        script("uno dos", cut=True)
        for name in ["max_tokens", "max_completion_tokens"]:
            with self.subTest(name):
                [choice] = self.ask(**{name: 2}).choices
                self.assertEqual((choice.message.content, choice.finish_reason), ("uno dos", "length"))
                self.assertEqual(asked()["max_tokens"], 2)

    def test_temperature_and_other_ways_of_choosing_words_are_told(self):
        told = {"temperature": 0.25, "top_p": 0.5, "seed": 7, "presence_penalty": -1, "reasoning_effort": "low"}
        self.ask(**told, n=1)
        self.assertEqual(asked(), asked() | told)

    def test_what_means_nothing_here_is_accepted(self):
        completion = self.ask(
            user="eva",
            metadata={"a": "b"},
            store=True,
            service_tier="auto",
            parallel_tool_calls=True,
            prompt_cache_key="k",
            tools=[],
            logprobs=False,
        )
        self.assertEqual(completion.choices[0].message.content, "Hola desde lejos.")
        self.assertFalse({"user", "metadata", "store", "tools"} & set(asked()))

    def test_an_answer_of_a_given_shape_is_parsed(self):
        class Term(BaseModel):
            days: int

        script('{"days": 30}')
        completion = self.client.chat.completions.parse(model=MODEL, messages=QUESTION, response_format=Term)
        self.assertEqual(completion.choices[0].message.parsed, Term(days=30))
        self.assertEqual(asked()["response_format"]["json_schema"]["name"], "Term")

    def test_retrieval_adds_passages_and_citations(self):
        script()
        question = [{"role": "user", "content": "¿Qué días cierra el museo?"}]
        completion = self.ask(question, extra_body={"retrieval": {"enabled": True, "top_k": 3, "min_score": 0}})
        self.assertIn("lunes", completion.choices[0].message.content)
        [citation] = completion.citations
        self.assertEqual((citation["n"], citation["title"], citation["verdict"]), (1, "Museo", "verified"))
        self.assertIn("lunes", citation["text"])
        self.assertEqual(completion.retrieval["passages"], 1)

    def test_the_extractive_model_answers_from_documents_without_a_provider(self):
        completion = self.ask([{"role": "user", "content": "¿Qué días cierra el museo?"}], model="extractive")
        self.assertEqual(completion.model, "extractive")

    def test_the_raw_response_can_be_had(self):
        raw = self.client.chat.completions.with_raw_response.create(model=MODEL, messages=QUESTION)
        self.assertEqual((raw.status_code, raw.headers["content-type"]), (200, "application/json"))
        self.assertEqual(raw.parse().choices[0].message.content, "Hola desde lejos.")

    def test_the_asynchronous_client_asks_several_things_at_once(self):
        async def ask():
            async with openai.AsyncOpenAI(api_key=self.key, max_retries=0) as client:
                one = client.chat.completions.create(model=MODEL, messages=QUESTION)
                return await asyncio.gather(one, client.models.retrieve(MODEL))

        completion, model = asyncio.run(ask())
        self.assertEqual((completion.choices[0].message.content, model.id), ("Hola desde lejos.", MODEL))
