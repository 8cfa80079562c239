"""JSON Schemas of values, and the parts that they are made of.

Every string, integer and array has a bound, and every object and choice a name
(``component``): generated clients then have one class for each, under that name.

>>> nullable(DAY)["type"]
['string', 'null']
>>> nullable({"$ref": "#/components/schemas/Stage", "description": "Its stage."})
{'anyOf': [{'$ref': '#/components/schemas/Stage'}, {'type': 'null'}], \
'description': 'Its stage.'}
"""

#: The greatest id of a record in Odoo, and so the most rows that a list can have
MAX_ID = 2**31 - 1
#: The greatest integer that every client reads exactly (RFC 8259)
MAX_INTEGER = 2**53 - 1
#: The most characters that PostgreSQL keeps in a text: Odoo's have no other limit
MAX_TEXT = 2**30 - 1
#: The most characters of a cursor
MAX_CURSOR = 16_384
#: The most characters of a time that is asked for
MAX_TIME = 64


def string(maximum: int, pattern: str = "^[^\\u0000]*$", minimum: int = 0) -> dict:
    lengths = {"minLength": minimum} if minimum else {}
    return {"type": "string", **lengths, "maxLength": maximum, "pattern": pattern}


def integer(minimum: int, maximum: int) -> dict:
    size = "int32" if -(2**31) <= minimum and maximum <= MAX_ID else "int64"
    return {
        "type": "integer",
        "format": size,
        "minimum": minimum,
        "maximum": maximum,
    }


ID = integer(1, MAX_ID)
COUNT = integer(0, MAX_INTEGER)
TEXT = string(MAX_TEXT)
BOOLEAN = {"type": "boolean"}
UUID = {"type": "string", "format": "uuid", "maxLength": 36}
DAY = {"type": "string", "format": "date", "maxLength": 10}
TIME = {"type": "string", "format": "date-time", "maxLength": MAX_TIME}
#: The format is a name of this API's own: OpenAPI has none for zones.
TIME_ZONE = {"type": "string", "format": "iana-time-zone", "maxLength": 64}
CURRENCY = {**string(3), "description": "ISO 4217, of the amounts beside it."}
#: The format is a name of this API's own, too; a cursor is not to be made up.
CURSOR = {"type": "string", "format": "cursor", "maxLength": MAX_CURSOR}
#: A number with all its digits (`decimal` of the OpenAPI Format Registry)
EXACT = {"type": "number", "format": "decimal"}
MONEY = {
    **EXACT,
    "description": "Exact, with the digits of the currency; read it as a decimal.",
}
#: An object whose members are not known beforehand
ANYTHING = {"type": "object", "additionalProperties": True}

#: ``{name: schema}`` of the schemas that have a name
COMPONENTS: dict[str, dict] = {}


def ref(name: str) -> dict:
    """Return the reference to one of ``COMPONENTS``."""
    return {"$ref": f"#/components/schemas/{name}"}


def component(name: str, schema: dict) -> dict:
    """Give a schema a name, which no other has; return the reference to it."""
    if COMPONENTS.setdefault(name, schema) is not schema:
        raise ValueError(f"There are two schemas of the name {name}.")
    return ref(name)


def obj(**properties) -> dict:
    """Return the schema of an object that always has these members."""
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
    }


def optional(schema: dict, **properties) -> dict:
    """Return the schema of an object that may also have these members."""
    return {**schema, "properties": schema["properties"] | properties}


def choice(*names: str) -> dict:
    return {"type": "string", "enum": list(names)}


def array(items: dict, maximum: int = MAX_ID) -> dict:
    return {"type": "array", "items": items, "maxItems": maximum}


def nullable(schema: dict) -> dict:
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    rest = {key: value for key, value in schema.items() if key == "description"}
    choices = {key: value for key, value in schema.items() if key != "description"}
    return {"anyOf": [choices, {"type": "null"}], **rest}


#: Items of lists have names, too: generators would number them
TEXTS = array(component("Text", TEXT))
IDS = array(component("RecordId", ID))
