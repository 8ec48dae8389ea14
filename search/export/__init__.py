"""A trial of a sweep as files that others use: adapter, model card, training files."""

from search.export.card import Licence
from search.export.folder import Export, ExportRequest, export_trial

__all__ = ["Export", "ExportRequest", "Licence", "export_trial"]
