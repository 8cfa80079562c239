"""Names for the generated sales organisation: unique, in an order the seed decides.

All e-mail addresses end in ``.example``, which RFC 2606 reserves, so that no message
can reach a person.
"""

import itertools
import string
import unicodedata


def _words(text):
    return tuple(text.split())


FIRST_NAMES = _words(
    """
    Adaeze Aiko Alejandro Amara Anders Andrea Anouk Antoine Ayşe Beatriz Birgit
    Camille Carlos Chiara Chloé Claire Daniel David Dmitri Elena Élodie Emeka Emma
    Fatima Felix Freya Gabriela Giulia Hana Hannah Haruto Hugo Ines Isabel Ivan
    Jakub James Jan Johanna José Julia Kai Karim Katarzyna Kofi Lars Laura Leila
    Lucas Łukasz Maja Marco Maria Mateo Mei Mohammed Nadia Nikhil Nina Noah Olga
    Oliver Paolo Pierre Priya Rafael Renske Rosa Samuel Sara Sofia Søren Sven Tariq
    Thandiwe Tomasz Valentina Wei Yasmin Zoë
    """
)

LAST_NAMES = _words(
    """
    Abe Adeyemi Almeida Andersson Bakker Banerjee Bauer Becker Bergström Bianchi
    Brown Castro Chen Conti Costa Dubois Dupont Eriksen Fernández Ferrari Fischer
    Fontaine Garcia Gupta Haddad Hansen Hoffmann Horváth Ivanova Jansen Jensen
    Johansson Kaya Keller Khan Kim Kowalski Kruger Lambert Larsen Lefèvre Li
    Lindqvist Lopez Marino Martin Mbeki Meyer Moreau Müller Murphy Nakamura Ndiaye
    Nguyen Nielsen Novak Okafor Olsen Patel Petrov Popescu Ramos Ricci Rossi Santos
    Sato Schmidt Silva Smith Suzuki Taylor Torres Visser Varga Vogel Wagner Walker
    Weber Wójcik Yılmaz
    """
)

FIRMS = _words(
    """
    Adler Albion Altamira Arctica Atlas Aurora Baltic Belvedere Borealis Cascade
    Castell Cobalt Condor Corvus Delta Elbe Ember Falcon Fjord Galileo Granit
    Hanseatic Helix Horizon Iberia Juniper Kestrel Lumen Maas Meridian Monarch
    Nimbus Nordlys Oakridge Orion Pallas Quartz Rhine Sequoia Solara Tessera
    Tramontana Umbra Vesta Zephyr
    """
)

TRADES = _words(
    """
    Aerospace Automotive Bank Biotech Breweries Cement Chemicals Clinics
    Construction Energy Foods Freight Glass Hotels Insurance Logistics Machinery
    Media Paper Pharma Rail Retail Shipping Steel Telecom Textiles Timber Utilities
    """
)

CITIES = _words(
    """
    Antwerp Barcelona Bergen Boston Bristol Durban Chicago Copenhagen Denver Dublin
    Gdańsk Geneva Hamburg Helsinki Istanbul Kyoto Lagos Lisbon Lyon Manila Milan
    Montréal Munich Nairobi Osaka Porto Prague Pune Rotterdam Recife Seattle
    Singapore Sydney Toronto Turin Valencia Vienna Warsaw Zagreb Zürich
    """
)

# Product and the median value of a deal for it, in units of the company's currency.
PRODUCTS = {
    "Analytics platform": 38_000,
    "Cold-chain monitoring": 21_000,
    "Contract manufacturing": 95_000,
    "Cyber security audit": 14_000,
    "Data centre relocation": 140_000,
    "Energy retrofit": 64_000,
    "Field service training": 4_500,
    "Fleet telematics": 18_000,
    "Forklift leasing": 26_000,
    "Heat pumps": 52_000,
    "Maintenance contract": 9_000,
    "Packaging line": 110_000,
    "Predictive maintenance": 31_000,
    "Spare parts agreement": 7_500,
    "Warehouse automation": 180_000,
    "Workwear subscription": 3_200,
}

# Letters that Unicode does not decompose into a base letter and an accent.
_PLAIN_LETTERS = str.maketrans("øłıØŁ", "oliOL")


def slug(text):
    """``"Łukasz A. Wójcik"`` as the local part of an address: ``lukasz.a.wojcik``."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_PLAIN_LETTERS))
    ascii_text = decomposed.encode("ascii", "ignore").decode().lower()
    return ".".join(ascii_text.replace(".", " ").split())


def people(rng):
    """Yield unique full names without end; a middle initial once all pairs are used."""
    for lap, first, last in _pairs(rng, FIRST_NAMES, LAST_NAMES):
        middle = _initials(lap)
        yield f"{first} {middle} {last}" if middle else f"{first} {last}"


def firms(rng):
    """Yield unique company names without end; the city once all pairs are used."""
    for lap, firm, trade in _pairs(rng, FIRMS, TRADES):
        name = f"{firm} {trade}"
        if lap:
            series, city = divmod(lap - 1, len(CITIES))
            name += f" {CITIES[city]}" + (f" {series + 1}" if series else "")
        yield name


def _pairs(rng, firsts, lasts):
    pairs = list(itertools.product(firsts, lasts))
    rng.shuffle(pairs)
    for lap in itertools.count():
        for first, last in pairs:
            yield lap, first, last


def _initials(lap):
    """``""`` for 0, then ``A.`` to ``Z.``, ``A.A.`` and on."""
    letters = ""
    while lap:
        lap, index = divmod(lap - 1, 26)
        letters = f"{string.ascii_uppercase[index]}.{letters}"
    return letters
