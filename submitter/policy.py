"""
What an assignment's deadline, tries and feedback settings make of a result. All pure.

A result has two sides. Its points depend on when it was handed in (`Late`). What
its student is shown depends on the present moment (`Feedback`) and on how many
uploads were tried before it (`Tries`). Course staff see everything, in Postgres.

Every setting can be written as one line of text, and read back (`Late.parse`
and `str()`, and so on): "10% per day, floor 50%, grace 5 min, cutoff 3 days".
"""

import math
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

MOST_TRIES = 1000
MOST_PERIOD_S = 366 * 24 * 3600.0  # of any period in a policy

_UNITS_S = {"week": 604800.0, "day": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0}
_UNIT_NAMES = {"w": "week", "weeks": "week", "d": "day", "days": "day", "hour": "h", "hours": "h", "m": "min"} | {
    "minute": "min",
    "minutes": "min",
    "sec": "s",
    "second": "s",
    "seconds": "s",
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)?\s*([a-z]+)")


class Level(StrEnum):
    """How much of a case is shown; each level shows all that the one before it does, and more."""

    NOTHING = "nothing"  # not even that there is such a case
    VERDICT = "verdict"  # its number and why it ended
    POINTS = "points"  # and what it is worth
    DIFF = "diff"  # and what was expected, what the program printed, and an explanation
    EVERYTHING = "everything"  # and its input, exit code, time and memory

    @property
    def rank(self) -> int:
        return list(Level).index(self)

    def shows(self, what: "Level") -> bool:
        """Whether what that level shows is shown at this one. (`<` would compare the names as text.)"""
        return self.rank >= what.rank

    @classmethod
    def parse(cls, text: str) -> "Level":
        """ValueError, with the levels there are, if it is none."""
        try:
            return cls(text.strip().lower())
        except ValueError:
            raise ValueError(f"{text.strip()!r} is no level of feedback; there are {', '.join(cls)}") from None


class Moment(StrEnum):
    """When a result is shown; they follow each other."""

    NOW = "now"  # submissions can still bring points
    AFTER_DUE = "after_due"  # the due date, its grace and its cut-off are past
    PUBLISHED = "published"  # the course's staff said so


@dataclass(frozen=True, slots=True)
class View:
    """How much of each kind of case somebody is shown."""

    test: Level = Level.EVERYTHING
    grade: Level = Level.POINTS

    def of(self, kind: str) -> Level:
        """`kind` is a model.CaseKind."""
        return self.test if kind == "test" else self.grade

    def at_most(self, other: "View") -> "View":
        return View(min(self.test, other.test, key=_rank), min(self.grade, other.grade, key=_rank))

    def shows(self, other: "View") -> bool:
        return self.test.shows(other.test) and self.grade.shows(other.grade)


USUAL = View()  # what students are shown where nobody said otherwise


def _rank(level: Level) -> int:
    return level.rank


# -- points -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """
    What handing in late costs: `percent` of the points for each started period, down to `floor_percent` of them.

    Raises:
        ValueError: a number makes no sense; the text says which.
    """

    percent: float  # more than 0, at most 100
    every_s: float = _UNITS_S["day"]
    floor_percent: float = 0.0  # of the points, which are left however late it is
    grace_s: float = 0.0  # up to so late costs nothing; after that, periods count from the due date
    cutoff_s: float | None = None  # later than this, no points are left

    def __post_init__(self) -> None:
        if not 0 < self.percent <= 100:
            raise ValueError(f"a late policy takes more than 0% and at most 100% of the points, not {self.percent:g}%")
        _check_period("the late policy's period", self.every_s)
        if not 0 <= self.floor_percent <= 100:
            raise ValueError(f"a late policy's floor is from 0% to 100%, not {self.floor_percent:g}%")
        if not 0 <= self.grace_s <= MOST_PERIOD_S:
            raise ValueError(f"a grace period is from 0 to {MOST_PERIOD_S:.0f} s, not {self.grace_s:g} s")
        if self.cutoff_s is not None and not self.grace_s <= self.cutoff_s <= MOST_PERIOD_S:
            raise ValueError("a cut-off comes at the end of the grace period or after it, and within a year")

    def penalty(self, late_s: float) -> float:
        """The part of the points, from 0 to 1, that is lost by being so late; never less for being later."""
        if late_s <= self.grace_s:
            return 0.0
        if self.cutoff_s is not None and late_s > self.cutoff_s:
            return 1.0
        started = math.ceil(late_s / self.every_s)
        kept_percent = max(self.floor_percent, 100.0 - self.percent * started)
        return round((100.0 - kept_percent) / 100.0, 9)

    def __str__(self) -> str:
        parts = [f"{self.percent!r}% per {_duration(self.every_s, short=True)}".replace(".0%", "%")]
        if self.floor_percent:
            parts.append(f"floor {self.floor_percent!r}%".replace(".0%", "%"))
        if self.grace_s:
            parts.append(f"grace {_duration(self.grace_s)}")
        if self.cutoff_s is not None:
            parts.append(f"cutoff {_duration(self.cutoff_s)}")
        return ", ".join(parts)

    @classmethod
    def parse(cls, text: str) -> "Late":
        """ValueError, with an example, if the text is none."""
        found: dict[str, float] = {}
        for part in text.split(","):
            words = re.fullmatch(r"\s*(?:(\S+)%\s*per\s+(.+?)|floor\s+(\S+)%|(grace|cut-?off)\s+(.+?))\s*", part)
            if words is None:
                raise ValueError(f"{part.strip()!r} is no part of a late policy; write as in {_LATE_EXAMPLE!r}")
            percent, every, floor, until, duration = words.groups()
            if percent is not None:
                told = {"percent": _number(percent), "every_s": parse_duration(every)}
            elif floor is not None:
                told = {"floor_percent": _number(floor)}
            else:
                told = {"grace_s" if until == "grace" else "cutoff_s": parse_duration(duration)}
            if told.keys() & found.keys():
                raise ValueError(f"{part.strip()!r} says again what was said before")
            found |= told
        if "percent" not in found:
            raise ValueError(f"a late policy says how much is lost; write as in {_LATE_EXAMPLE!r}")
        return cls(**found)


_LATE_EXAMPLE = "10% per day, floor 50%, grace 5 min, cutoff 3 days"


# -- what is shown ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """
    So many uploads in any period of that length get the usual feedback; the next ones at most `then`.

    Raises:
        ValueError: a number makes no sense.
    """

    count: int
    every_s: float = _UNITS_S["day"]
    then: View = View(Level.EVERYTHING, Level.NOTHING)

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_TRIES:
            raise ValueError(f"there are 1 to {MOST_TRIES} tries per period, not {self.count}")
        _check_period("the tries' period", self.every_s)

    def __str__(self) -> str:
        then = f"then test {self.then.test}, grade {self.then.grade}"
        return f"{self.count} per {_duration(self.every_s, short=True)}, {then}"

    @classmethod
    def parse(cls, text: str) -> "Tries":
        """ValueError, with an example, if the text is none."""
        words = re.fullmatch(r"\s*(\d{1,9})\s+per\s+([^,]+?)\s*(?:,\s*then\s+(.+))?", text)
        if words is None:
            raise ValueError(f"{text!r} is no number of tries; write as in {_TRIES_EXAMPLE!r}")
        count, every, rest = words.groups()
        tries = cls(count=int(count), every_s=parse_duration(every))
        levels: dict[str, Level] = {}
        for part in rest.split(",") if rest else ():
            kind, _, level = part.strip().partition(" ")
            if kind not in {"test", "grade"} or kind in levels:
                raise ValueError(f"{part.strip()!r}: after `then` comes a level for test or for grade cases")
            levels[kind] = Level.parse(level)
        return replace(tries, then=replace(tries.then, **levels))


_TRIES_EXAMPLE = "3 per day, then grade nothing"


@dataclass(frozen=True, slots=True)
class Stages:
    """The level for one kind of case at each moment; None: as before. What was shown is not hidden again."""

    now: Level
    after_due: Level | None = None
    published: Level | None = None

    def at(self, moment: Moment) -> Level:
        stages = (self.now, self.after_due, self.published)[: list(Moment).index(moment) + 1]
        return max((level for level in stages if level is not None), key=_rank)

    def __str__(self) -> str:
        parts = [str(self.now)]
        parts += [f"{self.after_due} after due"] if self.after_due is not None else []
        parts += [f"{self.published} once published"] if self.published is not None else []
        return ", ".join(parts)

    @classmethod
    def parse(cls, text: str) -> "Stages":
        """ValueError, with the levels there are, if the text is none."""
        first, *others = text.split(",")
        stages = cls(Level.parse(first))
        for part in others:
            level, _, moment = part.strip().partition(" ")
            name = {"after due": "after_due", "once published": "published"}.get(" ".join(moment.split()))
            if name is None or getattr(stages, name) is not None:
                raise ValueError(
                    f"{part.strip()!r}: write a level with `after due` or with `once published`, each once"
                )
            stages = replace(stages, **{name: Level.parse(level)})
        return stages


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What students are shown of each kind of case at each moment."""

    test: Stages = Stages(Level.EVERYTHING)
    grade: Stages = Stages(Level.POINTS)

    def at(self, moment: Moment) -> View:
        return View(self.test.at(moment), self.grade.at(moment))

    def __str__(self) -> str:
        return f"test: {self.test}; grade: {self.grade}"

    @classmethod
    def parse(cls, text: str) -> "Feedback":
        """A kind that is not named gets its default. ValueError, with an example, if the text is none."""
        kinds: dict[str, Stages] = {}
        for part in text.split(";"):
            kind, _, stages = part.partition(":")
            if kind.strip() not in {"test", "grade"} or kind.strip() in kinds:
                raise ValueError(f"{part.strip()!r}: write feedback as in {_FEEDBACK_EXAMPLE!r}")
            kinds[kind.strip()] = Stages.parse(stages)
        return cls(**kinds)


_FEEDBACK_EXAMPLE = "test: everything; grade: verdict, points after due, everything once published"


# -- all together -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """
    When the uploads of one submission were first published as graded, by the clock of Postgres.

    `first_at` is of the upload in question, None if it was not published yet; `others_at` of the others.
    A rejected upload, and an attempt that we could not finish, are none of them.
    """

    now: datetime
    first_at: datetime | None = None
    others_at: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the policy makes of one result at one moment; as it stands, that of an assignment without any policy."""

    handed_in_at: datetime | None = None
    late_s: float | None = None  # None: there is no due date, or nobody knows when it was handed in
    penalty: float = 0.0  # the part of the points that is lost, from 0 to 1
    view: View = View()
    tries_used: int | None = None  # in the period that ends with this one, itself included; None: they are not counted
    tries: int | None = None
    note: str | None = None  # for the student: that less is shown than could be, and when there will be more
    more_at: datetime | None = None  # the first moment that is known at which there may be more

    @property
    def of_points(self) -> "Terms":
        """Without the side of what is shown, which has to be asked for anew whenever a result is shown."""
        return Terms(handed_in_at=self.handed_in_at, late_s=self.late_s, penalty=self.penalty)

    def after_penalty(self, points: float) -> float:
        """Points that were lost by other rules are not given back by being late."""
        return points if points <= 0 else round(points * (1.0 - self.penalty), 6)


USUAL_TERMS = Terms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """An assignment's settings; as they stand, no deadline, any number of tries, and open `test` cases."""

    due_at: datetime | None = None  # aware
    late: Late | None = None  # without a due date nothing is late
    tries: Tries | None = None
    feedback: Feedback = field(default_factory=Feedback)
    published_at: datetime | None = None  # since when the fullest feedback is given

    @property
    def closes_at(self) -> datetime | None:
        """The last moment at which handing in is on time, or late with a penalty and a cut-off still ahead."""
        if self.due_at is None or self.late is None:
            return self.due_at
        return self.due_at + timedelta(seconds=max(self.late.grace_s, self.late.cutoff_s or 0.0))

    def moment(self, now: datetime) -> Moment:
        if self.published_at is not None and now >= self.published_at:
            return Moment.PUBLISHED
        if self.closes_at is not None and now > self.closes_at:
            return Moment.AFTER_DUE
        return Moment.NOW

    def on_points(self, handed_in_at: datetime | None) -> Terms:
        """The side of it that needs no clock: how late it is, and what that costs."""
        if self.due_at is None or handed_in_at is None:
            return Terms(handed_in_at=handed_in_at)
        late_s = max(0.0, (handed_in_at - self.due_at).total_seconds())
        penalty = self.late.penalty(late_s) if self.late is not None else 0.0
        return Terms(handed_in_at=handed_in_at, late_s=late_s, penalty=penalty)

    def on_view(self, terms: Terms, tried: Tried) -> Terms:
        """The terms with what is shown at the moment `tried.now`."""
        moment = self.moment(tried.now)
        usual = view = self.feedback.at(moment)
        notes: list[str] = []
        known: list[datetime] = []
        if self.tries is not None:
            times = self._times_in_period(self.tries, tried)
            terms = replace(terms, tries_used=len(times), tries=self.tries.count)
            if moment is Moment.NOW and len(times) > self.tries.count:
                view = usual.at_most(self.tries.then)
            if view != usual:
                full_at = times[-self.tries.count] + timedelta(seconds=self.tries.every_s)
                known.append(full_at)
                notes.append(
                    f"You have used your {self.tries.count} tries per {_duration(self.tries.every_s, short=True)}, so "
                    f"this result shows less. A submission after {_utc(full_at)} shows all again, if none comes before."
                )
        after_due = self.feedback.at(Moment.AFTER_DUE)
        if moment is Moment.NOW and self.closes_at is not None and after_due != view:
            known.append(self.closes_at)
            notes.append(f"More of this result can be shown after {_utc(self.closes_at)}.")
        shown_by_then = view if self.closes_at is None else after_due
        if moment is not Moment.PUBLISHED and self.feedback.at(Moment.PUBLISHED) != shown_by_then:
            notes.append("More of this result can be shown when your instructor publishes it.")
        return replace(terms, view=view, note=" ".join(notes) or None, more_at=min(known, default=None))

    @staticmethod
    def _times_in_period(tries: Tries, tried: Tried) -> list[datetime]:
        """Of this upload and those shortly before it, in order. An upload that is graded again stays where it was."""
        at = tried.first_at or tried.now
        since = at - timedelta(seconds=tries.every_s)
        return [*sorted(other for other in tried.others_at if since < other <= at), at]


# -- text ---------------------------------------------------------------------------------------------------------


def parse_duration(text: str) -> float:
    """Seconds of `90 s`, `5 min`, `2 h`, `1 day`, `day`, `2 weeks`; ValueError if it is none of these."""
    words = _DURATION.fullmatch(text.strip().lower())
    unit = None if words is None else _UNIT_NAMES.get(words[2], words[2])
    if words is None or unit not in _UNITS_S:
        raise ValueError(
            f"{text.strip()!r} is no length of time; write as in '90 s', '5 min', '2 h', '1 day', '2 weeks'"
        )
    return float(words[1] or 1) * _UNITS_S[unit]


def parse_due(text: str) -> datetime:
    """An aware time; ValueError, with an example, if it is none or does not say in which zone."""
    try:
        due_at = datetime.fromisoformat(text.strip())
    except ValueError:
        due_at = None
    if due_at is None or due_at.tzinfo is None:
        raise ValueError(f"{text!r} is no time with its zone; write as in '2026-08-01T23:59:59+02:00' or '…Z'")
    return due_at.astimezone(UTC)


def _duration(seconds: float, *, short: bool = False) -> str:
    """With the largest unit of which it is a whole number; `short`: `day` for `1 day`."""
    for unit, unit_s in _UNITS_S.items():
        count = seconds / unit_s
        if count >= 1 and count == int(count):
            if count == 1 and short:
                return unit
            return f"{int(count)} {unit}{'s' if count > 1 and unit in {'day', 'week'} else ''}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + " s"


def _utc(at: datetime) -> str:
    # Whole seconds, rounded up: what is promised is true by then.
    at = at.astimezone(UTC)
    return f"{at + timedelta(microseconds=-at.microsecond % 1_000_000):%Y-%m-%d %H:%M:%S} UTC"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None


def _check_period(what: str, seconds: float) -> None:
    if not 1 <= seconds <= MOST_PERIOD_S:
        raise ValueError(f"{what} is from 1 s to {MOST_PERIOD_S:.0f} s, not {seconds:g} s")
