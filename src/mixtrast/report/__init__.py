"""Reports from records: `write` makes the page of runs, `headline` says in words how good their features are.

Reads run folders and comparisons only. Matplotlib and Jinja are imported when a page is made.
"""

from mixtrast.report.comparison_page import write_comparison as write_comparison
from mixtrast.report.headlines import headline as headline
from mixtrast.report.page import write as write
from mixtrast.report.ranking import Ranking as Ranking
from mixtrast.report.ranking import read_ranking as read_ranking
from mixtrast.report.ranking_table import ranking_rows as ranking_rows
from mixtrast.report.ranking_text import ranking_headline as ranking_headline
from mixtrast.report.ranking_text import ranking_legend as ranking_legend
from mixtrast.report.score_table import notes as notes
from mixtrast.report.score_table import one_line as one_line
from mixtrast.report.score_table import table as table
