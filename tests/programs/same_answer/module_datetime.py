# Dates, in UTC.
import datetime, time, calendar
print(datetime.datetime.fromtimestamp(0), datetime.date(2024, 2, 29).strftime("%A %d %B %Y"), time.localtime(0).tm_zone)
print(calendar.month(2024, 2), datetime.timedelta(days=1.5), datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc))
