import { formatTraceparent, isDomainError, type JsonValue, parseTraceparent, type TraceContext } from '@skein/domain';
import { spanAttribute as name, type SpanAttributes, type Tracer, type Turn, type TurnRequest } from '@skein/ports';

/** The span of an agent at work, below which those of its turns and calls are. */
export interface AgentSpans {
  readonly tracer: Tracer;
  readonly context: TraceContext;
  /** Of the agent, for each span below. */
  readonly agent: SpanAttributes;
}

/** Who works, below whose span, and what it used when it is over. */
export interface TracedAgent {
  readonly agentId: string;
  readonly versionId: string;
  readonly model: string;
  readonly traceparent: string | undefined;
  readonly usage: () => { readonly inputTokens: number; readonly outputTokens: number };
}

const codeOf = (thrown: unknown): string => (isDomainError(thrown) ? thrown.code : 'internal');

/** Has an agent work within a span; without a tracer, or in a run that nobody traces, without one. */
export const traceAgent = async <T>(
  tracer: Tracer | undefined,
  { agentId, versionId, model, traceparent, usage }: TracedAgent,
  work: (spans?: AgentSpans) => Promise<T>,
): Promise<T> => {
  const parent = tracer?.isOn === true ? parseTraceparent(traceparent) : undefined;
  if (tracer === undefined || parent === undefined) return work();
  const agent = { [name.agentId]: agentId, [name.agentName]: agentId, [name.agentVersion]: versionId };
  const attributes = { [name.operation]: 'invoke_agent', ...agent, [name.requestModel]: model };
  const span = tracer.begin(`invoke_agent ${agentId}`, { parent, attributes });
  let error: string | undefined;
  try {
    return await work({ tracer, context: span.context, agent });
  } catch (thrown) {
    error = codeOf(thrown);
    throw thrown;
  } finally {
    const { inputTokens, outputTokens } = usage();
    span.set({ [name.inputTokens]: inputTokens, [name.outputTokens]: outputTokens });
    span.end(error);
  }
};

/** One request to a model, each retry anew. */
export const traceTurn = async (
  spans: AgentSpans | undefined,
  { model, maxOutputTokens }: TurnRequest,
  ask: () => Promise<Turn>,
): Promise<Turn> => {
  if (spans === undefined) return ask();
  const span = spans.tracer.begin(`chat ${model.model}`, {
    kind: 'client',
    parent: spans.context,
    attributes: {
      [name.operation]: 'chat',
      [name.provider]: model.provider,
      [name.requestModel]: model.model,
      ...(maxOutputTokens === undefined ? {} : { [name.requestMaxTokens]: maxOutputTokens }),
      ...spans.agent,
    },
  });
  try {
    const turn = await ask();
    const { inputTokens, outputTokens } = turn.usage;
    span.set({ [name.inputTokens]: inputTokens, [name.outputTokens]: outputTokens });
    span.end();
    return turn;
  } catch (thrown) {
    span.end(codeOf(thrown));
    throw thrown;
  }
};

/** A call of a tool; a name that the model made up says nothing. */
export interface TracedCall {
  readonly tool: string;
  readonly isKnown: boolean;
  readonly isServers: boolean;
  readonly turn: number;
}

/** One tool call. What it is done with gets the `traceparent` of its span. */
export const traceCall = async <T extends { readonly output: JsonValue; readonly isError: boolean }>(
  spans: AgentSpans,
  { tool, isKnown, isServers, turn }: TracedCall,
  call: (traceparent: string) => Promise<T>,
): Promise<T> => {
  const shown = isKnown ? tool : 'unknown';
  const span = spans.tracer.begin(`execute_tool ${shown}`, {
    parent: spans.context,
    attributes: {
      [name.operation]: 'execute_tool',
      [name.toolName]: shown,
      [name.toolType]: isServers ? 'extension' : 'function',
      [name.turn]: turn,
      ...spans.agent,
    },
  });
  try {
    const result = await call(formatTraceparent(span.context));
    span.end(result.isError ? 'tool_error' : undefined);
    return result;
  } catch (thrown) {
    span.end(codeOf(thrown));
    throw thrown;
  }
};
