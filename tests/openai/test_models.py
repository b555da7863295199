import openai
from support import MODEL, Case


class Models(Case):
    def test_models_are_listed(self):
        models = {model.id: model for model in self.client.models.list()}
        self.assertIn("extractive", models)
        self.assertEqual((models[MODEL].object, models[MODEL].created), ("model", 0))
        self.assertTrue(models[MODEL].owned_by)

    def test_a_model_is_retrieved_by_its_name(self):
        self.assertEqual(self.client.models.retrieve(MODEL).id, MODEL)

    def test_a_model_whose_name_has_a_slash_is_retrieved(self):
        name = "openai:maker/scripted-chat"
        self.assertEqual(self.client.models.retrieve(name).id, name)
        # Older versions of the package send the slash as it is.
        self.assertEqual(self.client.get(f"/models/{name}", cast_to=openai.types.Model).id, name)

    def test_the_default_model_is_retrieved_with_its_real_name(self):
        self.assertEqual(self.client.models.retrieve("default").id, MODEL)

    def test_an_unknown_model_is_not_found(self):
        for name in ["openai:none", "gemini:none", "none/such", "%", "../chats"]:
            with self.subTest(name), self.assertRaises(openai.NotFoundError) as caught:
                self.client.models.retrieve(name)
            error = caught.exception
            self.assertEqual((error.code, error.param), ("model_not_found", "model"))
