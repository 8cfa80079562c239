"""JSON Schemas of values, and the parts that they are made of."""

INTEGER = {"type": "integer"}
COUNT = {"type": "integer", "minimum": 0}
TEXT = {"type": "string"}
BOOLEAN = {"type": "boolean"}
UUID = {"type": "string", "format": "uuid"}
DAY = {"type": "string", "format": "date"}
TIME = {"type": "string", "format": "date-time"}
#: The format is a name of this API's own: OpenAPI has none for zones.
TIME_ZONE = {"type": "string", "format": "iana-time-zone"}
CURRENCY = {"type": "string", "description": "ISO 4217, of the amounts beside it."}
MONEY = {
    "type": "number",
    "description": "Exact, with the digits of the currency; read it as a decimal.",
}


def obj(**properties) -> dict:
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
    }


def array(items: dict) -> dict:
    return {"type": "array", "items": items}


def nullable(schema: dict) -> dict:
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}
