// Vercel's `ai` package with @ai-sdk/openai-compatible.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";

const { CLIENT_URL, CLIENT_KEY, CLIENT_MODEL, SAY, TOOL, UNKNOWN } = process.env;

const asked = (prompt, model = CLIENT_MODEL, apiKey = CLIENT_KEY) => ({
  model: createOpenAICompatible({ name: "roster", baseURL: `${CLIENT_URL}/v1`, apiKey, includeUsage: true })(model),
  prompt,
  maxRetries: 0,
});

const refused = async (model, key) => {
  try {
    await generateText(asked("script: say x", model, key));
  } catch (error) {
    return { status: error.statusCode, code: JSON.parse(error.responseBody).error.code, text: error.message };
  }
  return {};
};

const tokens = ({ inputTokens, outputTokens }) => [inputTokens, outputTokens];

const whole = await generateText(asked(SAY));
const stream = streamText(asked(SAY));
let streamed = "";
for await (const piece of stream.textStream) streamed += piece;
console.log(
  JSON.stringify({
    plain: whole.text,
    streamed,
    tools: (await generateText(asked(TOOL))).text,
    unknown: await refused(UNKNOWN),
    wrong_key: await refused(undefined, "sk-wrong"),
    usage: tokens(whole.usage),
    usage_streamed: tokens(await stream.usage),
  }),
);
