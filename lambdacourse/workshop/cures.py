"""Where nbgrader 0.9 would take points for what is no fault of the learner's."""

from __future__ import annotations

from nbformat.corpus.words import generate_corpus_id
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor, OverwriteCells


class DropDuplicateGradeIds(NbGraderPreprocessor):
    """A copied grade cell must not spoil the original.

    JupyterLab copies a cell with its metadata, and nbgrader then refuses the whole notebook (its issue 1083). The first cell of
    an id stays; from later ones the metadata is taken. Runs before nbgrader's own ``DeduplicateIds``.
    """

    def preprocess(self, nb, resources):
        self.seen: set[str] = set()
        return super().preprocess(nb, resources)

    def preprocess_cell(self, cell, resources, cell_index):
        if utils.is_grade(cell) or utils.is_solution(cell) or utils.is_locked(cell):
            grade_id = cell.metadata.nbgrader["grade_id"]
            if grade_id in self.seen:
                del cell.metadata["nbgrader"]
            self.seen.add(grade_id)
        return cell, resources


class OverwriteCellsWithIds(OverwriteCells):
    """nbgrader's own, but a check that it adds back has an id: nbformat warns of cells without one, and means to refuse them."""

    def preprocess(self, nb, resources):
        nb, resources = super().preprocess(nb, resources)
        if nb.nbformat_minor >= 5:
            for cell in nb.cells:
                cell.setdefault("id", generate_corpus_id())
        return nb, resources
