"""Records become a page: `write` makes it, `headline` says in words what a run is worth.

Reads run folders only. Matplotlib and Jinja are loaded when a page is made.
"""

from mixtrast.report.compared import write_comparison as write_comparison
from mixtrast.report.page import write as write
from mixtrast.report.standings import standings as standings
from mixtrast.report.tables import table as table
from mixtrast.report.words import headline as headline
