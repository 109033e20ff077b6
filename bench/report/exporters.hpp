// The formats: each is made in a file of its own. export.cpp has the table.
#pragma once

#include <memory>

#include "bench/report/export.hpp"

namespace netstall {

std::unique_ptr<Exporter> make_csv_exporter(const ExportChoice& choice, const ExportWrite& write);
std::unique_ptr<Exporter> make_markdown_exporter(const ExportChoice& choice,
                                                 const ExportWrite& write);
std::unique_ptr<Exporter> make_junit_exporter(const ExportChoice& choice, const ExportWrite& write);
std::unique_ptr<Exporter> make_gbench_exporter(const ExportChoice& choice,
                                               const ExportWrite& write);
std::unique_ptr<Exporter> make_github_action_exporter(const ExportChoice& choice,
                                                      const ExportWrite& write);
std::unique_ptr<Exporter> make_bencher_exporter(const ExportChoice& choice,
                                                const ExportWrite& write);
std::unique_ptr<Exporter> make_openmetrics_exporter(const ExportChoice& choice,
                                                    const ExportWrite& write);
std::unique_ptr<Exporter> make_hgrm_exporter(const ExportChoice& choice, const ExportWrite& write);

}  // namespace netstall
