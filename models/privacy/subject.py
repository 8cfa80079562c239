"""The person who is to be found or forgotten, as an administrator names the person."""

from dataclasses import asdict, dataclass

from odoo.tools import email_normalize


@dataclass(frozen=True)
class Subject:
    """Contacts, e-mail addresses and leads that stand for a person.

    ``emails`` are normalised. Only ids are kept in the database; addresses are personal
    and are kept in a file while a run needs them.
    """

    partner_ids: tuple[int, ...] = ()
    emails: tuple[str, ...] = ()
    lead_ids: tuple[int, ...] = ()

    @classmethod
    def of(cls, *, partner: int = 0, email: str = "", lead: int = 0) -> "Subject":
        """Return the subject of a contact, an e-mail address or a lead.

        :raise ValueError: nothing is named, or the address is none
        """
        address = email_normalize(email or "")
        if email and not address:
            raise ValueError(f"{email!r} is no e-mail address")
        subject = cls(
            (partner,) if partner else (),
            (address,) if address else (),
            (lead,) if lead else (),
        )
        if subject == cls():
            raise ValueError("name a contact, an e-mail address or a lead")
        return subject

    @classmethod
    def from_json(cls, document: dict) -> "Subject":
        return cls(**{name: tuple(each) for name, each in document.items()})

    def as_json(self) -> dict:
        return asdict(self)
