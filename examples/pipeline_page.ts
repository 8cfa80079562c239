/**
 * The pipeline of whoever the key belongs to, as a page, on a generated client.
 *
 *     npm install openapi-fetch
 *     npx openapi-typescript $URL/api/v2/openapi.json -o crm.d.ts
 *
 * In a page: `document.body.innerHTML = await page(URL, KEY)`; an administrator of Odoo
 * allows the page's origin. Node runs it as it is.
 *
 * An amount of up to 15 digits is exact in a number: its shortest text is what was sent.
 * Sums of such numbers are not: here they are made in the smallest unit of the currency.
 */
import createClient, {type Client} from "openapi-fetch";

import type {components, paths} from "./crm.d.ts";

type Schemas = components["schemas"];
type Problem = Schemas["Problem"];

const PAGE_SIZE = 50;

/** Return the body of an answer; a problem is thrown. */
function given<Data>({data, error}: {data?: Data; error?: Problem}): Data {
  if (data !== undefined) return data;
  const {title, detail = "", trace_id} = error ?? {title: "No answer", trace_id: "-"};
  throw new Error(`${title}: ${detail} (${trace_id})`);
}

/** Return how many digits amounts in a currency have after the point. */
function digits(currency: string): number {
  const format = new Intl.NumberFormat("en", {style: "currency", currency});
  return format.resolvedOptions().maximumFractionDigits ?? 2;
}

/** Return an amount in the smallest unit of its currency, in which sums are exact. */
function units(amount: number, currency: string): bigint {
  return BigInt(Math.round(amount * 10 ** digits(currency)));
}

function shown(amount: number, currency: string): string {
  const places = digits(currency);
  return amount.toLocaleString("en", {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  });
}

const ENTITIES: Record<string, string> = {
  ...{"&": "amp", "<": "lt", ">": "gt"},
  ...{'"': "quot", "'": "#x27"},
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&${ENTITIES[character]};`);
}

/** Yield all open opportunities, the most valuable first. */
async function* openDeals(api: Client<paths>): AsyncGenerator<Schemas["Opportunity"]> {
  let cursor: string | undefined;
  do {
    const answer = await api.GET("/api/v2/dashboard/opportunities", {
      params: {query: {status: ["pending"], limit: PAGE_SIZE, cursor}},
    });
    const {items, next} = given(answer);
    yield* items;
    cursor = next ?? undefined;
  } while (cursor);
}

/** Return the page as HTML. */
export async function page(url: string, key: string): Promise<string> {
  const headers = {Authorization: `Bearer ${key}`};
  const api = createClient<paths>({baseUrl: url, headers});
  const answer = await api.GET("/api/v2/dashboard/metrics", {
    params: {query: {by: ["salesperson"]}},
  });
  const {currency, groups = [], ...all} = given(answer);
  const won = groups.map((group) => units(group.won_revenue, currency));
  // Parts are rounded so that they add up to their whole, to the cent.
  if (won.reduce((sum, part) => sum + part, 0n) !== units(all.won_revenue, currency)) {
    throw new Error("The groups do not add up.");
  }
  const lines = ["<h1>Pipeline</h1>", `<table><caption>${escape(currency)}</caption>`];
  const row = (name: string, {pipeline_value, won_revenue}: Schemas["Figures"]) => {
    const pipeline =
      pipeline_value === null ? "unknown" : shown(pipeline_value, currency);
    const cells = [escape(name), pipeline, shown(won_revenue, currency)];
    lines.push(`<tr><td>${cells.join("</td><td>")}</td></tr>`);
  };
  for (const group of groups) {
    row(group.salesperson ? (group.salesperson.name ?? "") : "Nobody", group);
  }
  row("All", all);
  lines.push("</table>", "<ol>");
  for await (const {name, value, currency, stage} of openDeals(api)) {
    const amount = `${shown(value, currency)} ${currency}`;
    lines.push(`<li>${escape(name)}: ${amount}, ${escape(stage?.name ?? "none")}</li>`);
  }
  return [...lines, "</ol>"].join("\n");
}
